package productstore.orders;

import java.util.List;
import productstore.platform.Money;

/**
 * Published in the transaction in which orders come to a status.
 *
 * @param totals one of each order
 */
record OrdersCame(OrderStatus status, List<Money> totals) {}
