package productstore.platform;

import java.util.Map;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;

/** Limits as the environment would set them; what isn't said has its default. */
public final class LimitsOf {
    private LimitsOf() {}

    public static Limits setting(Map<String, ?> values) {
        var properties = new MapConfigurationPropertySource();
        values.forEach((name, value) -> properties.put("store.limits." + name, value));
        return new Binder(properties).bindOrCreate("store.limits", Limits.class);
    }
}
