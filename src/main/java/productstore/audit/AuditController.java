package productstore.audit;

import java.util.List;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

@RestController
@RequestMapping(path = "/api/inventory/audit", produces = MediaType.APPLICATION_JSON_VALUE)
class AuditController {
    private final StockAudit audit;

    AuditController(StockAudit audit) {
        this.audit = audit;
    }

    record AuditItems(List<StockAudit.Drift> items) {}

    @GetMapping
    AuditItems audit() {
        return new AuditItems(audit.drifts());
    }
}
