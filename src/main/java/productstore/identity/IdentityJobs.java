package productstore.identity;

import org.springframework.context.annotation.Configuration;
import org.springframework.scheduling.annotation.EnableScheduling;
import org.springframework.scheduling.annotation.Scheduled;

/** What this module does by the clock; every store does it, also where several share a database. */
@Configuration(proxyBeanMethods = false)
@EnableScheduling
class IdentityJobs {
    private final SigningKeys keys;
    private final RefreshTokens refreshTokens;

    IdentityJobs(SigningKeys keys, RefreshTokens refreshTokens) {
        this.keys = keys;
        this.refreshTokens = refreshTokens;
    }

    @Scheduled(fixedDelayString = "PT1M", initialDelayString = "PT1M")
    void refreshKeys() {
        keys.refresh();
    }

    @Scheduled(fixedDelayString = "PT1H", initialDelayString = "PT5M")
    void purgeRefreshTokens() {
        refreshTokens.purge();
    }
}
