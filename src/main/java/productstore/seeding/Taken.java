package productstore.seeding;

/** How much of each product all orders take, and how much of that comes back. */
final class Taken {
    private final int[] taken;
    private final int[] givenBack;
    private final long[] lastMicros;

    Taken(int wares) {
        taken = new int[wares];
        givenBack = new int[wares];
        lastMicros = new long[wares];
    }

    void add(OrderBook.Order order) {
        for (var line : order.lines()) {
            taken[line.ware()] += line.quantity();
            givenBack[line.ware()] += order.givenBack() ? line.quantity() : 0;
            var last = order.givenBack() ? order.last() : order.placed();
            lastMicros[line.ware()] = Math.max(lastMicros[line.ware()], last.atMicros());
        }
    }

    int of(int ware) {
        return taken[ware];
    }

    int givenBack(int ware) {
        return givenBack[ware];
    }

    /** When it was last taken or came back; 0 for never. */
    long lastMicros(int ware) {
        return lastMicros[ware];
    }
}
