package productstore.inventory;

import java.util.Collection;
import java.util.UUID;

/** Published in the transaction that changes the stock of these products. */
public record StockChanged(Collection<UUID> products) {}
