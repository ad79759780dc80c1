package productstore.administration;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.logging.LogLevel;
import org.springframework.boot.logging.LoggerConfiguration;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import productstore.identity.CurrentUser;
import productstore.platform.Problem;
import productstore.telemetry.Field;
import productstore.telemetry.Journal;

/**
 * How much this store logs, until it ends. Of the store's own loggers only: those of libraries write at their finer levels
 * what clients send, and nothing personal may get into the log.
 */
@RestController
@RequestMapping(path = "/api/log-levels", produces = MediaType.APPLICATION_JSON_VALUE)
class LogLevelController {
    private static final Pattern OWN = Pattern.compile("productstore(\\.[A-Za-z0-9_$]{1,100}){0,10}");
    private static final List<LogLevel> LEVELS =
            List.of(LogLevel.TRACE, LogLevel.DEBUG, LogLevel.INFO, LogLevel.WARN, LogLevel.ERROR, LogLevel.OFF);

    private final LoggingSystem logging;

    LogLevelController(LoggingSystem logging) {
        this.logging = logging;
    }

    /**
     * One logger.
     *
     * @param level that was set for it, null where it has that of the one above it
     * @param effectiveLevel that holds
     */
    record LoggerLevel(String logger, @Nullable String level, String effectiveLevel) {}

    record LoggerLevels(List<LoggerLevel> items) {}

    record Change(@Nullable String level) {}

    @GetMapping
    LoggerLevels list() {
        return new LoggerLevels(logging.getLoggerConfigurations().stream()
                .filter(logger -> OWN.matcher(logger.getName()).matches())
                .sorted(Comparator.comparing(LoggerConfiguration::getName))
                .map(LogLevelController::shown)
                .toList());
    }

    @PutMapping(path = "/{logger}", consumes = MediaType.APPLICATION_JSON_VALUE)
    LoggerLevel change(@PathVariable String logger, @RequestBody Change change, CurrentUser by) {
        if (!OWN.matcher(logger).matches()) {
            throw Problem.notFound("logger of the store");
        }
        var level = level(change.level());
        var before = shown(logger);
        if (!Objects.equals(before.level(), change.level())) {
            // First, for it may be the last event that is written.
            Journal.of("log-level-changed")
                    .with(Field.USER_ID, by.id())
                    .changed(logger, before.effectiveLevel(), Objects.requireNonNullElse(change.level(), "inherited"))
                    .say("the level of a logger is changed");
            logging.setLogLevel(logger, level);
        }
        return shown(logger);
    }

    private static @Nullable LogLevel level(@Nullable String name) {
        if (name == null) {
            return null;
        }
        return LEVELS.stream()
                .filter(level -> code(level).equals(name))
                .findFirst()
                .orElseThrow(() -> Problem.invalid(
                        "level",
                        "invalid",
                        "level is one of "
                                + LEVELS.stream().map(LogLevelController::code).collect(Collectors.joining(", "))
                                + ", or null for that of the logger above."));
    }

    /** One that has written nothing yet has the level of the next one above it. */
    private LoggerLevel shown(String name) {
        var logger = logging.getLoggerConfiguration(name);
        if (logger != null) {
            return shown(logger);
        }
        int dot = name.lastIndexOf('.');
        return new LoggerLevel(
                name,
                null,
                dot < 0 ? code(LogLevel.INFO) : shown(name.substring(0, dot)).effectiveLevel());
    }

    private static LoggerLevel shown(LoggerConfiguration logger) {
        var own = logger.getConfiguredLevel();
        return new LoggerLevel(logger.getName(), own == null ? null : code(own), code(logger.getEffectiveLevel()));
    }

    private static String code(LogLevel level) {
        return level.name().toLowerCase(Locale.ROOT);
    }
}
