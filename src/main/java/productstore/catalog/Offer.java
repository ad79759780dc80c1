package productstore.catalog;

import java.util.UUID;
import productstore.platform.Money;

/** What a product is called and costs at this moment. */
public record Offer(UUID productId, String sku, String name, Money price) {}
