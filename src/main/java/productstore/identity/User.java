package productstore.identity;

import java.time.Instant;
import java.util.UUID;

/** A user as clients see one; the password's hash stays in {@link UserRepository.Account}. */
record User(UUID id, String email, String name, Role role, boolean active, Instant createdAt) {}
