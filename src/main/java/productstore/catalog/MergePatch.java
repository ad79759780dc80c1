package productstore.catalog;

import org.springframework.stereotype.Component;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;
import productstore.platform.Problems;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** JSON merge patches (RFC 7396): members that are there replace, a null removes, all else stays. */
@Component
class MergePatch {
    private final JsonMapper json;

    MergePatch(JsonMapper json) {
        this.json = json;
    }

    /**
     * Applies a patch.
     *
     * @throws Problem {@code invalid_json} if the patch is no object, {@code invalid_request} if the result is no {@code type}
     */
    <T> T apply(T target, JsonNode patch, Class<T> type) {
        if (!(patch instanceof ObjectNode changes)) {
            throw Problem.of(ProblemCode.INVALID_JSON, "A merge patch of a resource is a JSON object.");
        }
        var merged = json.valueToTree(target);
        if (!(merged instanceof ObjectNode whole)) {
            throw new IllegalStateException(type + " is no JSON object");
        }
        merge(whole, changes);
        try {
            return json.treeToValue(whole, type);
        } catch (JacksonException e) {
            throw Problems.unreadable(e);
        }
    }

    private static void merge(ObjectNode target, ObjectNode patch) {
        patch.properties().forEach(change -> {
            var name = change.getKey();
            if (change.getValue().isNull()) {
                // Of an unknown member nothing is left to be refused later, so it must stay to be noticed.
                if (target.has(name)) {
                    target.remove(name);
                } else {
                    target.putNull(name);
                }
            } else if (change.getValue() instanceof ObjectNode inner) {
                merge(target.get(name) instanceof ObjectNode there ? there : target.putObject(name), inner);
            } else {
                target.set(name, change.getValue());
            }
        });
    }
}
