package productstore.seeding;

import java.util.List;
import java.util.UUID;
import java.util.random.RandomGenerator;

/** People who came one after the other; the same number is always the same person. */
final class Customers {
    // Argon2id of zeros with a salt of zeros: well-formed, and no password has it.
    static final String NO_PASSWORD = "$argon2id$v=19$m=19456,t=2,p=1$" + "A".repeat(22) + "$" + "A".repeat(43);
    private static final List<String> NAMES = List.of(
            "Анна",
            "Мария",
            "Елена",
            "Ольга",
            "Наталья",
            "Екатерина",
            "Татьяна",
            "Ирина",
            "Светлана",
            "Юлия",
            "Дарья",
            "Алина",
            "Ксения",
            "Полина",
            "Вера",
            "Надежда",
            "Зоя",
            "Людмила",
            "Галина",
            "Марина");
    private static final List<String> FAMILIES = List.of(
            "Иванова",
            "Смирнова",
            "Кузнецова",
            "Попова",
            "Васильева",
            "Петрова",
            "Соколова",
            "Михайлова",
            "Новикова",
            "Фёдорова",
            "Морозова",
            "Волкова",
            "Алексеева",
            "Лебедева",
            "Семёнова",
            "Егорова",
            "Павлова",
            "Козлова",
            "Степанова",
            "Николаева",
            "Орлова",
            "Андреева",
            "Макарова",
            "Никитина",
            "Захарова",
            "Зайцева",
            "Соловьёва",
            "Борисова",
            "Яковлева",
            "Григорьева",
            "Романова",
            "Воробьёва",
            "Сергеева",
            "Кузьмина",
            "Фролова");
    private static final long SIGNED_UP_BEFORE_MICROS = 600_000_000L;

    private final long seed;
    private final long idSeed;
    private final long firstNumber;
    private final int count;
    private final Span span;

    Customers(long seed, long idSeed, long firstNumber, int count, Span span) {
        this.seed = seed;
        this.idSeed = idSeed;
        this.firstNumber = firstNumber;
        this.count = count;
        this.span = span;
    }

    record Customer(UUID id, String email, String name, long createdMicros) {}

    Customer customer(int n) {
        var random = Chance.about(seed, Chance.Of.CUSTOMER, firstNumber + n);
        return new Customer(
                id(n),
                "seed-%07d@example.com".formatted(firstNumber + n),
                Chance.popular(random, NAMES) + " " + Chance.popular(random, FAMILIES),
                createdMicros(n));
    }

    UUID id(int n) {
        return Chance.id(idSeed, Chance.Of.CUSTOMER, n, createdMicros(n));
    }

    /** Somebody who had signed up by then, the older customers more often. */
    int somebody(RandomGenerator random, double part) {
        int there = Math.min(count, 1 + (int) (count * part));
        return (int) (there * Math.pow(random.nextDouble(), 1.5));
    }

    private long createdMicros(int n) {
        return span.at((double) n / count) - SIGNED_UP_BEFORE_MICROS;
    }
}
