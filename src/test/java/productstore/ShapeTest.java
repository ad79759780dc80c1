package productstore;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.modulith.core.ApplicationModules;
import org.springframework.modulith.core.Violations;

/** The shape that docs/architecture.md describes. Each rule is shown to catch the wrong shop that breaks it. */
class ShapeTest {
    private static final JavaClasses STORE = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("productstore");
    private static final JavaClasses WRONG_SHOP = new ClassFileImporter().importPackages("wrongshop");

    @Test
    void modulesCallOnlyWhomTheyMay() {
        ApplicationModules.of(Store.class).verify();
    }

    @Test
    void aCallThatIsNotAllowedIsCaught() {
        assertThatThrownBy(() ->
                        ApplicationModules.of("wrongshop", location -> true).verify())
                .isInstanceOf(Violations.class)
                .hasMessageContaining("till")
                .hasMessageContaining("shelf");
    }

    static List<ArchRule> rules() {
        return List.of(
                noClasses()
                        .that()
                        .haveSimpleNameEndingWith("Controller")
                        .should()
                        .dependOnClassesThat()
                        .areAssignableTo(JdbcClient.class)
                        .because("a controller translates HTTP and nothing more"),
                classes()
                        .that()
                        .haveSimpleNameEndingWith("Controller")
                        .should()
                        .notBePublic()
                        .because("only HTTP calls them"),
                noClasses()
                        .should()
                        .haveNameMatching(".*(Impl|Utils?|Manager|Helper|Mapper|Dto)")
                        .because("names are the field's words"));
    }

    @ParameterizedTest
    @MethodSource("rules")
    void theStoreKeepsTheRule(ArchRule rule) {
        rule.check(STORE);
    }

    @ParameterizedTest
    @MethodSource("rules")
    void theRuleCatchesTheWrongShop(ArchRule rule) {
        assertThat(rule.evaluate(WRONG_SHOP).hasViolation()).isTrue();
    }
}
