package wrongshop.shelf;

/** Has a name that says nothing. */
public class ShelfManager {
    public int pieces() {
        return 1;
    }
}
