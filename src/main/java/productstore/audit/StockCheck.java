package productstore.audit;

import javax.sql.DataSource;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

/** The audit for a command, without a store around it. */
public final class StockCheck {
    private StockCheck() {}

    /** How many products have a stock that is not what it must be. */
    public static long drifted(DataSource database) {
        var transaction = new TransactionTemplate(new JdbcTransactionManager(database));
        transaction.setReadOnly(true);
        transaction.setIsolationLevel(TransactionDefinition.ISOLATION_REPEATABLE_READ);
        var summary = transaction.execute(status -> new StockAudit(JdbcClient.create(database)).summary());
        if (summary == null) {
            throw new IllegalStateException("an audit without a result");
        }
        return summary.drifted();
    }
}
