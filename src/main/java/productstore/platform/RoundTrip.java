package productstore.platform;

import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.PreparedStatementCallback;
import org.springframework.jdbc.core.RowMapper;
import org.springframework.jdbc.core.SqlTypeValue;
import org.springframework.jdbc.core.StatementCreatorUtils;
import org.springframework.jdbc.core.namedparam.MapSqlParameterSource;
import org.springframework.jdbc.core.namedparam.NamedParameterUtils;
import org.springframework.jdbc.core.namedparam.ParsedSql;
import org.springframework.stereotype.Component;

/**
 * Statements that travel to the database together. It runs them one after the other as if they had been sent singly, each
 * seeing what was committed before it began; only the waiting in between is saved. If one fails, those behind it aren't run.
 * For use inside a transaction: one of its own for each statement there is not.
 */
public final class RoundTrip {
    private final String name;
    private final JdbcTemplate db;
    private final Map<String, Parsed> parsed;
    private final List<Leg<?>> legs = new ArrayList<>();
    private boolean gone;

    private RoundTrip(String name, JdbcTemplate db, Map<String, Parsed> parsed) {
        this.name = name;
        this.db = db;
        this.parsed = parsed;
    }

    /** Begins them. */
    @Component
    public static class Trips {
        private final JdbcTemplate db;
        // Statements are constants in the sources, so these are few.
        private final Map<String, Parsed> parsed = new ConcurrentHashMap<>();

        Trips(JdbcTemplate db) {
            this.db = db;
        }

        /**
         * An empty one.
         *
         * @param name under which all of it is measured, {@code thing.verb} as a statement's
         */
        public RoundTrip named(String name) {
            return new RoundTrip(name, db, parsed);
        }
    }

    /** Adds a statement, with its parameters as {@code :names}. */
    public Statement sql(String sql) {
        return new Statement(sql);
    }

    /** Sends what was added, and waits for all of it. */
    public void go() {
        gone = true;
        if (legs.isEmpty()) {
            return;
        }
        var sql = legs.stream().map(leg -> leg.sql).collect(Collectors.joining(";\n", "/* " + name + " */ ", ""));
        db.execute(sql, (PreparedStatementCallback<@Nullable Object>) statement -> {
            int parameter = 1;
            for (var leg : legs) {
                for (var value : leg.values) {
                    StatementCreatorUtils.setParameterValue(statement, parameter++, SqlTypeValue.TYPE_UNKNOWN, value);
                }
            }
            boolean rows = statement.execute();
            for (var leg : legs) {
                leg.read(statement, rows);
                if (!rows) {
                    // Asked for the sake of its span alone.
                    statement.getUpdateCount();
                }
                rows = statement.getMoreResults();
            }
            return null;
        });
    }

    /** One of the statements, while its parameters are given. */
    public final class Statement {
        private final String sql;
        private final MapSqlParameterSource parameters = new MapSqlParameterSource();

        private Statement(String sql) {
            this.sql = sql;
        }

        public Statement param(String parameter, @Nullable Object value) {
            parameters.addValue(parameter, value);
            return this;
        }

        /** Its rows, once the trip is over. */
        public <T> Supplier<List<T>> query(RowMapper<T> mapper) {
            return add(mapper);
        }

        /** Its rows are not asked for. */
        public void update() {
            add((_, _) -> Boolean.TRUE);
        }

        private <T> Leg<T> add(RowMapper<T> mapper) {
            if (gone) {
                throw new IllegalStateException(name + " is over");
            }
            var known = parsed.computeIfAbsent(sql, Parsed::of);
            var leg = new Leg<>(
                    known.positional, NamedParameterUtils.buildValueArray(known.named, parameters, null), mapper);
            legs.add(leg);
            return leg;
        }
    }

    private record Parsed(ParsedSql named, String positional) {
        static Parsed of(String sql) {
            var named = NamedParameterUtils.parseSqlStatement(sql.strip());
            return new Parsed(named, NamedParameterUtils.substituteNamedParameters(named, null));
        }
    }

    private static final class Leg<T> implements Supplier<List<T>> {
        final String sql;
        final @Nullable Object[] values;
        private final RowMapper<T> mapper;
        private @Nullable List<T> rows;

        Leg(String sql, @Nullable Object[] values, RowMapper<T> mapper) {
            this.sql = sql;
            this.values = values;
            this.mapper = mapper;
        }

        void read(PreparedStatement statement, boolean hasRows) throws SQLException {
            var all = new ArrayList<T>();
            if (hasRows) {
                try (ResultSet result = statement.getResultSet()) {
                    while (result.next()) {
                        all.add(mapper.mapRow(result, all.size()));
                    }
                }
            }
            rows = all;
        }

        @Override
        public List<T> get() {
            if (rows == null) {
                throw new IllegalStateException("asked before the trip was over: " + sql);
            }
            return rows;
        }
    }
}
