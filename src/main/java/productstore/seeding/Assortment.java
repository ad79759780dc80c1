package productstore.seeding;

import java.util.List;
import java.util.function.DoubleToIntFunction;
import java.util.function.IntFunction;
import productstore.seeding.Wares.Ware;

/**
 * What can be ordered: products from 0 to {@code size}.
 *
 * @param onSale how many of them were on sale at a part of the span, 0 to 1
 */
record Assortment(int size, IntFunction<Ware> ware, DoubleToIntFunction onSale) {
    static Assortment of(Wares wares, int count) {
        return new Assortment(count, wares::ware, wares::onSale);
    }

    static Assortment of(List<Ware> wares) {
        return new Assortment(wares.size(), wares::get, part -> wares.size());
    }
}
