package productstore;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/**
 * Holds what a store answers against what a paper shows. Everything must be equal, but for what differs each time: ids and trace
 * ids (the same one in the paper must be the same one in the answers, and another one another), times, order numbers, and
 * whatever the paper leaves out with an ellipsis. A member named with an ellipsis stands for members that aren't shown.
 */
final class Likeness {
    private static final String LEFT_OUT = "…";
    private static final String TIME = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?Z";
    private static final String ID =
            "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])";
    private static final String ORDER_NUMBER = "^\\d{6,}$";
    private static final Pattern CHANGING =
            Pattern.compile("(?<id>" + ID + ")|(?<time>" + TIME + ")|(?<number>" + ORDER_NUMBER + ")|" + LEFT_OUT);

    private final Map<String, String> actualByShown = new HashMap<>();
    private final Map<String, String> shownByActual = new HashMap<>();
    private final List<String> differences = new ArrayList<>();

    /** What was unlike so far, a sentence each, where it is first. */
    List<String> differences() {
        return List.copyOf(differences);
    }

    void compare(String where, JsonNode shown, JsonNode actual) {
        if (shown.isObject() && actual.isObject()) {
            shown.propertyStream()
                    .filter(member -> !member.getKey().equals(LEFT_OUT))
                    .forEach(member -> {
                        var path = where + "." + member.getKey();
                        var there = actual.get(member.getKey());
                        if (there == null) {
                            differences.add(path + " is shown but not answered");
                        } else {
                            compare(path, member.getValue(), there);
                        }
                    });
            if (!shown.has(LEFT_OUT)) {
                actual.propertyNames().stream()
                        .filter(name -> !shown.has(name))
                        .forEach(name -> differences.add(where + "." + name + " is answered but not shown"));
            }
        } else if (shown.isArray() && actual.isArray()) {
            if (shown.size() != actual.size()) {
                differences.add(where + " shows " + shown.size() + " and answers " + actual.size() + " elements");
            }
            for (int n = 0; n < Math.min(shown.size(), actual.size()); n++) {
                compare(where + "[" + n + "]", shown.get(n), actual.get(n));
            }
        } else if (shown.isString() && actual.isString()) {
            compare(where, shown.asString(), actual.asString());
        } else if (!shown.equals(actual)) {
            differences.add(where + " shows " + shown + " and answers " + actual);
        }
    }

    void compare(String where, String shown, String actual) {
        var ids = new ArrayList<String>();
        var answered = pattern(shown, ids).matcher(actual);
        if (!answered.matches()) {
            differences.add(where + " shows «" + shown + "» and answers «" + actual + "»");
            return;
        }
        for (int n = 0; n < ids.size(); n++) {
            compareIds(where, ids.get(n), answered.group(n + 1));
        }
    }

    private void compareIds(String where, String shown, String actual) {
        if (!actual.equals(actualByShown.computeIfAbsent(shown, unknown -> actual))
                || !shown.equals(shownByActual.computeIfAbsent(actual, unknown -> shown))) {
            differences.add(where + " shows " + shown + ", which is not what the paper calls " + actual + " elsewhere");
        }
    }

    private static Pattern pattern(String shown, List<String> ids) {
        var pattern = new StringBuilder();
        var changing = CHANGING.matcher(shown);
        int end = 0;
        while (changing.find()) {
            pattern.append(Pattern.quote(shown.substring(end, changing.start())))
                    .append(likes(changing, ids));
            end = changing.end();
        }
        return Pattern.compile(
                pattern.append(Pattern.quote(shown.substring(end))).toString(), Pattern.DOTALL);
    }

    private static String likes(Matcher changing, List<String> ids) {
        if (changing.group("id") != null) {
            ids.add(changing.group("id"));
            return "(" + ID + ")";
        }
        if (changing.group("time") != null) {
            return TIME;
        }
        return changing.group("number") != null ? "\\d{6,}" : ".*";
    }
}
