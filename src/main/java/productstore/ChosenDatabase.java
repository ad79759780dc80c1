package productstore;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.core.env.PropertySource;
import productstore.embedded.EmbeddedPostgres;

/**
 * The database of this run: one's own where STORE_DB_URL names it, else the embedded one. It gets ready beside Spring's start, and
 * whoever asks for its address waits.
 */
final class ChosenDatabase implements AutoCloseable {
    private final CompletableFuture<DatabaseAddress> address;
    private final CompletableFuture<EmbeddedPostgres> embedded;

    private ChosenDatabase(CompletableFuture<DatabaseAddress> address, CompletableFuture<EmbeddedPostgres> embedded) {
        this.address = address;
        this.embedded = embedded;
    }

    /** For {@code run}: the embedded one is started, and belongs to this process. */
    static ChosenDatabase toRun(Settings settings) {
        return prepare(settings, () -> EmbeddedPostgres.start(settings.dataDir()));
    }

    /** For a command, which may be given while a store runs on the same data folder. */
    static ChosenDatabase toCommand(Settings settings) {
        return prepare(settings, () -> EmbeddedPostgres.attach(settings.dataDir()));
    }

    private static ChosenDatabase prepare(Settings settings, Supplier<EmbeddedPostgres> start) {
        // Until Spring has read the levels nothing may be logged, and two threads must not set logging up at once.
        LoggingSystem.get(ChosenDatabase.class.getClassLoader()).beforeInitialize();
        DatabaseAddress own = settings.database();
        if (own != null) {
            return new ChosenDatabase(
                    inBackground(() -> {
                        own.check();
                        return own;
                    }),
                    CompletableFuture.failedFuture(new IllegalStateException("there is no embedded PostgreSQL")));
        }
        CompletableFuture<EmbeddedPostgres> embedded = inBackground(start);
        return new ChosenDatabase(
                embedded.thenApply(
                        postgres -> new DatabaseAddress(postgres.jdbcUrl(), postgres.user(), postgres.password())),
                embedded);
    }

    private static <T> CompletableFuture<T> inBackground(Supplier<T> work) {
        CompletableFuture<T> result = new CompletableFuture<>();
        Thread.ofPlatform().daemon().name("database-start").start(() -> {
            try {
                result.complete(work.get());
            } catch (Throwable e) {
                result.completeExceptionally(e);
            }
        });
        return result;
    }

    /** Waits until the database can be used. */
    DatabaseAddress address() {
        try {
            return address.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    /** Why there is no database, if that is known already. */
    Optional<RuntimeException> failure() {
        if (!address.isCompletedExceptionally()) {
            return Optional.empty();
        }
        Throwable cause = address.handle((ready, failure) -> failure).join();
        while (cause instanceof CompletionException && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return Optional.of(cause instanceof RuntimeException known ? known : new IllegalStateException(cause));
    }

    /** The address as Spring's {@code spring.datasource.*}; reading one of them waits as {@link #address()} does. */
    PropertySource<ChosenDatabase> asProperties() {
        return new PropertySource<>("chosen database", this) {
            @Override
            public @Nullable Object getProperty(String name) {
                return switch (name) {
                    case "spring.datasource.url" -> address().url();
                    case "spring.datasource.username" -> address().user();
                    case "spring.datasource.password" -> address().password();
                    default -> null;
                };
            }
        };
    }

    /** Stops the embedded server if this run started it; one that is still starting is waited for. */
    @Override
    public void close() {
        embedded.handle((postgres, failure) -> {
                    if (postgres != null) {
                        postgres.close();
                    }
                    return failure;
                })
                .join();
    }
}
