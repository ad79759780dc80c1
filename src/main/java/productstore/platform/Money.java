package productstore.platform;

import com.fasterxml.jackson.annotation.JsonFormat;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Currency;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * An amount of a currency, never negative.
 *
 * @param amount with exactly as many decimals as the currency has; a decimal string in JSON
 * @param currency ISO 4217
 */
public record Money(
        @JsonFormat(shape = JsonFormat.Shape.STRING) BigDecimal amount, String currency) {
    // Twelve digits before the point leave room in numeric(24,4) for an order of 100 lines of 1000 pieces.
    private static final Pattern AMOUNT = Pattern.compile("\\d{1,12}(\\.\\d{1,4})?");
    private static final Set<String> CURRENCIES = Currency.getAvailableCurrencies().stream()
            .filter(currency -> currency.getDefaultFractionDigits() >= 0)
            .map(Currency::getCurrencyCode)
            .collect(Collectors.toUnmodifiableSet());

    public Money {
        amount = amount.setScale(decimals(currency), RoundingMode.UNNECESSARY);
    }

    /** What a client writes: {@code {"amount": "199.90", "currency": "RUB"}}, not checked yet. */
    public record Input(@Nullable String amount, @Nullable String currency) {}

    public Money times(long factor) {
        return new Money(amount.multiply(BigDecimal.valueOf(factor)), currency);
    }

    /**
     * Checks what a client wrote; faults are noted in {@code validation} below {@code field}.
     *
     * @return null if there was a fault
     */
    public static @Nullable Money read(Validation validation, String field, @Nullable Input input) {
        if (input == null) {
            validation.fault(field, "required", "A price is needed: {\"amount\": \"199.90\", \"currency\": \"RUB\"}.");
            return null;
        }
        var currency = validation.required(field + ".currency", input.currency());
        if (currency != null && !CURRENCIES.contains(currency)) {
            validation.fault(field + ".currency", "invalid", "Not an ISO 4217 currency code.");
            currency = null;
        }
        var amount = amount(validation, field + ".amount", validation.required(field + ".amount", input.amount()));
        if (amount == null || currency == null) {
            return null;
        }
        if (amount.scale() > decimals(currency)) {
            validation.fault(
                    field + ".amount",
                    "invalid",
                    String.format(Locale.ROOT, "%s has %d decimals.", currency, decimals(currency)));
            return null;
        }
        return new Money(amount, currency);
    }

    /**
     * Checks a bare amount, as the filters of a list take it.
     *
     * @return null if there was none, or a fault
     */
    public static @Nullable BigDecimal amount(Validation validation, String field, @Nullable String text) {
        if (text == null) {
            return null;
        }
        if (!AMOUNT.matcher(text).matches()) {
            validation.fault(
                    field,
                    "invalid",
                    "A decimal number like 199.90 is needed: not negative, at most 12 digits before the point.");
            return null;
        }
        return new BigDecimal(text);
    }

    private static int decimals(String currency) {
        return Currency.getInstance(currency).getDefaultFractionDigits();
    }
}
