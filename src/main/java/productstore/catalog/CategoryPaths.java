package productstore.catalog;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;
import productstore.platform.Ids;

/**
 * The categories that a file names by their paths, {@code Молочные продукты > Сыры}. A {@code >} in a name is doubled.
 * Every path of a file gets a number, by which its lines refer to it until the categories are known.
 */
final class CategoryPaths {
    private final Map<List<String>, Integer> numbers = new LinkedHashMap<>();

    /** A category that is there or is to be made. */
    private record Node(UUID id, String name, @Nullable UUID parentId) {}

    /**
     * What became of the paths.
     *
     * @param categories by path number
     * @param faults by path number; if there are any, no category was made
     * @param made how many categories are new
     */
    record Resolved(Map<Integer, UUID> categories, Map<Integer, String> faults, int made) {}

    /** The names in a path, stripped; an empty one where nothing stands between two separators. */
    static List<String> split(String path) {
        var names = new ArrayList<String>();
        var name = new StringBuilder();
        for (int n = 0; n < path.length(); n++) {
            char c = path.charAt(n);
            if (c != '>') {
                name.append(c);
            } else if (n + 1 < path.length() && path.charAt(n + 1) == '>') {
                name.append(c);
                n++;
            } else {
                names.add(name.toString().strip());
                name.setLength(0);
            }
        }
        names.add(name.toString().strip());
        return List.copyOf(names);
    }

    int number(List<String> names) {
        return numbers.computeIfAbsent(names, path -> numbers.size());
    }

    /** Finds all categories and makes those that are missing. Locks the tree until the transaction ends. */
    Resolved resolve(JdbcClient db) {
        var categories = new CategoryRepository(db);
        categories.lockTree();
        var nodes = new HashMap<String, Node>();
        var names = new HashMap<UUID, String>();
        db.sql("SELECT id, name, parent_id, lower(name) AS key FROM category").query(row -> {
            var node = new Node(
                    row.getObject("id", UUID.class), row.getString("name"), row.getObject("parent_id", UUID.class));
            nodes.put(row.getString("key"), node);
            names.put(node.id(), node.name());
        });
        var keys = keys(
                db,
                new TreeSet<>(
                        numbers.keySet().stream().flatMap(Collection::stream).toList()));
        var made = new ArrayList<Node>();
        var found = new TreeMap<Integer, UUID>();
        var faults = new TreeMap<Integer, String>();
        numbers.forEach((path, number) -> {
            @Nullable Node parent = null;
            for (var name : path) {
                var parentId = parent == null ? null : parent.id();
                var key = keys.getOrDefault(name, name);
                var node = nodes.get(key);
                if (node == null) {
                    node = new Node(Ids.next(), name, parentId);
                    nodes.put(key, node);
                    names.put(node.id(), name);
                    made.add(node);
                } else if (!Objects.equals(node.parentId(), parentId)) {
                    faults.put(
                            number,
                            "There is a category «%s» already, %s, not %s."
                                    .formatted(node.name(), place(node.parentId(), names), place(parentId, names)));
                    return;
                }
                parent = node;
            }
            if (parent != null) {
                found.put(number, parent.id());
            }
        });
        if (faults.isEmpty()) {
            made.forEach(node ->
                    categories.insert(node.id(), node.name(), categories.unusedSlug(node.name()), node.parentId()));
        }
        return new Resolved(found, faults, made.size());
    }

    /** Names that differ only in letters' case are one category's; PostgreSQL decides which, as its unique index does. */
    private static Map<String, String> keys(JdbcClient db, Set<String> names) {
        var keys = new HashMap<String, String>();
        db.sql("SELECT name, lower(name) AS key FROM unnest(CAST(:names AS text[])) AS name")
                .param("names", names.toArray(String[]::new))
                .query(row -> {
                    keys.put(row.getString("name"), row.getString("key"));
                });
        return keys;
    }

    private static String place(@Nullable UUID parentId, Map<UUID, String> names) {
        return parentId == null ? "at the top" : "below «" + names.get(parentId) + "»";
    }
}
