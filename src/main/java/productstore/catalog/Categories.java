package productstore.catalog;

import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;
import productstore.inventory.Inventory;
import productstore.platform.EntityTags;
import productstore.platform.Ids;
import productstore.platform.Problem;
import productstore.platform.ProblemCode;
import productstore.platform.Validation;
import productstore.telemetry.Field;
import productstore.telemetry.Journal;

/** The tree of categories. Names and slugs are unique in the whole tree, so that either of them names a category. */
@Service
class Categories {
    private final CategoryRepository categories;
    private final Inventory inventory;
    private final EntityTags tags;
    private final CatalogCounts counts;
    private final ApplicationEventPublisher events;

    Categories(
            CategoryRepository categories,
            Inventory inventory,
            EntityTags tags,
            CatalogCounts counts,
            ApplicationEventPublisher events) {
        this.categories = categories;
        this.inventory = inventory;
        this.tags = tags;
        this.counts = counts;
        this.events = events;
    }

    List<Category> all() {
        return counts.categories(categories::all);
    }

    Category read(UUID id) {
        return categories.find(id).orElseThrow(() -> Problem.notFound("category"));
    }

    @Transactional
    Category create(Category.Input input, UUID by) {
        categories.lockTree();
        var id = Ids.next();
        var draft = checked(id, input, null);
        write(draft, () -> categories.insert(id, draft.name(), draft.slug(), draft.parentId()));
        journal("category-created", id, by).say("a category was created");
        events.publishEvent(new CatalogChanged());
        return read(id);
    }

    @Transactional
    Category replace(UUID id, Category.Input input, @Nullable String ifMatch, UUID by) {
        categories.lockTree();
        var current = read(id);
        tags.require(ifMatch, current);
        var draft = checked(id, input, current);
        if (draft.parentId() != null && categories.isBelow(draft.parentId(), id)) {
            throw Problem.of(ProblemCode.CATEGORY_CYCLE, "The new parent is this category or lies below it.");
        }
        write(draft, () -> categories.update(id, draft.name(), draft.slug(), draft.parentId()));
        events.publishEvent(new CatalogChanged());
        var changed = read(id);
        if (!changed.equals(current)) {
            journal("category-changed", id, by)
                    .changed(changedMembers(current, changed), current.parentId(), changed.parentId())
                    .say("a category was changed");
        }
        return changed;
    }

    @Transactional
    void delete(UUID id, @Nullable String ifMatch, UUID by) {
        categories.lockTree();
        tags.require(ifMatch, read(id));
        if (!categories.isEmpty(id)) {
            throw notEmpty();
        }
        // Their orders can still be cancelled, which writes them too.
        inventory.lock(categories.archivedProducts(id));
        try {
            categories.delete(id);
            journal("category-deleted", id, by).say("a category was deleted");
            events.publishEvent(new CatalogChanged());
        } catch (DataIntegrityViolationException e) {
            // A product that came in at this moment; only its foreign key can see that.
            throw notEmpty();
        }
    }

    private static String changedMembers(Category before, Category after) {
        var members = new ArrayList<String>();
        Difference.named("name", before.name(), after.name(), members);
        Difference.named("slug", before.slug(), after.slug(), members);
        Difference.named("parent_id", before.parentId(), after.parentId(), members);
        return String.join(", ", members);
    }

    private static Journal journal(String action, UUID category, UUID by) {
        return Journal.of(action).with(Field.USER_ID, by).with(Field.CATEGORY_ID, category);
    }

    private static Problem notEmpty() {
        return Problem.of(
                ProblemCode.CATEGORY_NOT_EMPTY, "Move its products and sub-categories to other categories first.");
    }

    private record Draft(String name, String slug, @Nullable UUID parentId) {}

    private Draft checked(UUID id, Category.Input input, @Nullable Category current) {
        var validation = new Validation();
        var name = validation.line("name", input.name(), 200);
        var slug = input.slug();
        if (slug != null && !Slugs.wellFormed(slug)) {
            validation.fault("slug", "invalid", "Latin small letters, digits and single hyphens, at most 100.");
        }
        @Nullable UUID parentId = null;
        if (input.parentId() != null) {
            parentId = Ids.wellFormed(input.parentId()) ? UUID.fromString(input.parentId()) : null;
            if (parentId == null
                    || (!parentId.equals(id) && categories.find(parentId).isEmpty())) {
                validation.fault("parent_id", "unknown_category", "There is no category of this id.");
            }
        }
        validation.done();
        if (name == null) {
            throw new IllegalStateException("a fault was found but not noted");
        }
        if (slug == null) {
            slug = current != null && current.name().equals(name) ? current.slug() : categories.unusedSlug(name);
        }
        return new Draft(name, slug, parentId);
    }

    private static void write(Draft draft, Runnable statement) {
        try {
            statement.run();
        } catch (DuplicateKeyException e) {
            throw String.valueOf(e.getMessage()).contains("category_name")
                    ? Problem.of(
                            ProblemCode.CATEGORY_NAME_TAKEN, "There is a category «" + draft.name() + "» already.", e)
                    : Problem.of(ProblemCode.SLUG_TAKEN, "There is a category with slug " + draft.slug() + ".", e);
        }
    }
}
