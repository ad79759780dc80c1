package productstore;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What {@code /metrics} said at one moment.
 *
 * @param types by family, as Prometheus' text has them
 * @param samples by series, {@code name{label="value"}}
 */
record Scrape(String text, Map<String, String> types, Map<String, Double> samples) {
    private static final Pattern TYPE = Pattern.compile("^# TYPE (\\S+) (\\S+)$", Pattern.MULTILINE);
    private static final Pattern SAMPLE = Pattern.compile("^(\\w+(?:\\{.*})?) (\\S+)$", Pattern.MULTILINE);
    private static final Pattern LABEL = Pattern.compile("(\\w+)=\"((?:[^\"\\\\]|\\\\.)*)\"");

    static Scrape of(int managementPort) {
        var text = new Client("http://127.0.0.1:" + managementPort, null)
                .get("/metrics")
                .ok()
                .text();
        return new Scrape(
                text,
                TYPE.matcher(text).results().collect(Collectors.toMap(type -> type.group(1), type -> type.group(2))),
                SAMPLE.matcher(text)
                        .results()
                        .collect(Collectors.toMap(
                                sample -> sample.group(1),
                                sample -> Double.valueOf(sample.group(2)),
                                (a, _) -> a,
                                TreeMap::new)));
    }

    /** Series of these metrics. */
    Set<String> series(String prefix) {
        return samples.keySet().stream()
                .filter(series -> series.startsWith(prefix))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** The sum of all series of this name that have this text in their labels; 0 for none. */
    double sum(String name, String labels) {
        return samples.entrySet().stream()
                .filter(sample ->
                        name(sample.getKey()).equals(name) && sample.getKey().contains(labels))
                .mapToDouble(Map.Entry::getValue)
                .sum();
    }

    double sum(String name) {
        return sum(name, "");
    }

    /** Names of the labels of a family, but for those that its type gives it. */
    Set<String> labels(String family) {
        return samples.keySet().stream()
                .filter(series -> name(series).matches(family + "(_bucket|_count|_sum)?"))
                .flatMap(series -> LABEL.matcher(series).results().map(label -> label.group(1)))
                .filter(label -> !label.equals("le"))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    Set<String> values(String prefix, String label) {
        return series(prefix).stream()
                .flatMap(series -> LABEL.matcher(series).results())
                .filter(found -> found.group(1).equals(label))
                .map(found -> found.group(2))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static String name(String series) {
        int brace = series.indexOf('{');
        return brace < 0 ? series : series.substring(0, brace);
    }
}
