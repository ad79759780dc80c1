package wrongshop.till;

import org.springframework.jdbc.core.simple.JdbcClient;
import wrongshop.shelf.ShelfManager;

/** Breaks every rule of {@code ShapeTest}: calls a module it may not, and speaks SQL in a controller. */
public class TillController {
    private final ShelfManager shelf;
    private final JdbcClient db;

    public TillController(ShelfManager shelf, JdbcClient db) {
        this.shelf = shelf;
        this.db = db;
    }

    int everything() {
        return shelf.pieces() + db.sql("SELECT 1").query(Integer.class).single();
    }
}
