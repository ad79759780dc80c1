package productstore.platform;

import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * The bounds of everything that a client, or time, could make large or long. Each can be set as {@code store.limits.<name>} or, in
 * the environment, {@code STORE_LIMITS_<NAME>}.
 *
 * @param bodyBytes the largest request body; more is 413
 * @param bodyReadTime how long a body may take to arrive as a whole; longer is 408
 * @param poolSize connections to the database
 * @param poolQueue requests that may wait for a connection at the same moment; one more is 503
 * @param poolWait how long one of them waits; longer is 503
 * @param connectTime how long to try for a new connection; longer is 503
 * @param statementTime how long one SQL statement of a request may run; longer is 503
 * @param lockTime how long one statement may wait for a row; longer is 503
 * @param orderTransactions transactions that place orders at the same moment
 * @param ordersTogether waiting orders that share one of them at most
 * @param cacheBytes what ready answers may take in memory; 0 keeps none
 * @param hashQueue passwords that may wait to be hashed; one more is 503
 * @param requestsPerMinute per user, or per address for those not signed in; more is 429
 * @param auditInterval how long the audit of all stock, whose result is a metric, rests between two runs
 * @param drainTime how long a store that is told to stop serves on, not ready any more, before it takes no more requests
 */
@ConfigurationProperties("store.limits")
public record Limits(
        @DefaultValue("1048576") int bodyBytes,
        @DefaultValue("20s") Duration bodyReadTime,
        @DefaultValue("16") int poolSize,
        @DefaultValue("1000") int poolQueue,
        @DefaultValue("5s") Duration poolWait,
        @DefaultValue("5s") Duration connectTime,
        @DefaultValue("10s") Duration statementTime,
        @DefaultValue("5s") Duration lockTime,
        @DefaultValue("2") int orderTransactions,
        @DefaultValue("64") int ordersTogether,
        @DefaultValue("33554432") int cacheBytes,
        @DefaultValue("100") int hashQueue,
        @DefaultValue("6000") int requestsPerMinute,
        @DefaultValue("10m") Duration auditInterval,
        @DefaultValue("0s") Duration drainTime) {}
