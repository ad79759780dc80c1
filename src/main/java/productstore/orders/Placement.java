package productstore.orders;

import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import productstore.identity.CurrentUser;
import productstore.platform.Idempotency;
import productstore.platform.Problem;

/**
 * An order that is to be placed, and by whom.
 *
 * @param request what its {@code Idempotency-Key} says, null where there is none
 * @param traceId of the request that brought it
 */
record Placement(Placing placing, CurrentUser customer, Idempotency.@Nullable Request request, String traceId) {

    /**
     * What became of it: an answer, or a refusal.
     *
     * @param placed what was placed now, null where nothing was: the first answer to a key that came again
     */
    record Outcome(
            @Nullable ResponseEntity<byte[]> answer,
            @Nullable Problem refusal,
            Orders.@Nullable Draft placed) {

        static Outcome placed(Orders.Draft draft, ResponseEntity<byte[]> answer) {
            return new Outcome(answer, null, draft);
        }

        static Outcome of(ResponseEntity<byte[]> firstAnswer) {
            return new Outcome(firstAnswer, null, null);
        }

        static Outcome of(Problem refusal) {
            return new Outcome(null, refusal, null);
        }

        /** @throws Problem if it was refused */
        ResponseEntity<byte[]> orThrow() {
            if (answer == null) {
                throw refusal == null ? new IllegalStateException("an order without an outcome") : refusal;
            }
            return answer;
        }
    }
}
