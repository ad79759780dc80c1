package productstore.apidocs;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.lang.reflect.WildcardType;
import java.net.URL;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.springframework.boot.webmvc.error.ErrorController;
import org.springframework.context.annotation.ClassPathScanningCandidateComponentProvider;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.core.io.ClassPathResource;
import org.springframework.core.type.filter.AnnotationTypeFilter;
import org.springframework.stereotype.Controller;
import org.springframework.util.ClassUtils;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.servlet.mvc.method.RequestMappingInfo;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;
import productstore.platform.ProblemCode;
import productstore.platform.SortOrder;
import tools.jackson.databind.BeanProperty;
import tools.jackson.databind.JavaType;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.jsonFormatVisitors.JsonFormatVisitorWrapper;
import tools.jackson.databind.jsonFormatVisitors.JsonObjectFormatVisitor;

/**
 * The description is written by hand; this fails as soon as it and the code say different things. What a schema says
 * beyond its members (lengths, patterns, answers) is held against the living store by {@code ci/schemathesis.sh}.
 */
class OpenApiTest {
    private static final Set<String> METHODS =
            Set.of("get", "put", "post", "patch", "delete", "head", "options", "trace");

    /**
     * Which record is which schema. A record that is missing here, or a schema without a record, is told by name.
     */
    private static final Map<String, String> ANSWERS = Map.ofEntries(
            Map.entry("productstore.administration.LogLevelController$LoggerLevel", "LogLevel"),
            Map.entry("productstore.administration.LogLevelController$LoggerLevels", "LogLevels"),
            Map.entry("productstore.audit.AuditController$AuditItems", "InventoryAudit"),
            Map.entry("productstore.audit.StockAudit$Drift", "StockDifference"),
            Map.entry("productstore.catalog.Category", "Category"),
            Map.entry("productstore.catalog.CatalogReads$CategoryItems", "CategoryList"),
            Map.entry("productstore.catalog.Product", "Product"),
            Map.entry("productstore.catalog.Product$CategoryName", "CategoryName"),
            Map.entry("productstore.identity.SignIn$Tokens", "Tokens"),
            Map.entry("productstore.identity.User", "User"),
            Map.entry("productstore.orders.Order", "Order"),
            Map.entry("productstore.orders.Order$Customer", "OrderCustomer"),
            Map.entry("productstore.orders.Order$Event", "OrderEvent"),
            Map.entry("productstore.orders.Order$Line", "OrderLine"),
            Map.entry("productstore.platform.Money", "Money"),
            Map.entry("productstore.platform.Problem$FieldError", "FieldError"),
            Map.entry("productstore.platform.Problems$Body", "Problem"));

    private static final Map<String, String> REQUESTS = Map.ofEntries(
            Map.entry("productstore.administration.LogLevelController$Change", "LogLevelWrite"),
            Map.entry("productstore.catalog.Category$Input", "CategoryWrite"),
            Map.entry("productstore.catalog.Product$Input", "ProductWrite"),
            Map.entry("productstore.catalog.ProductController$StockChange", "StockChange"),
            Map.entry("productstore.identity.AuthController$Credentials", "Credentials"),
            Map.entry("productstore.identity.AuthController$RefreshToken", "RefreshToken"),
            Map.entry("productstore.identity.AuthController$Registration", "Registration"),
            Map.entry("productstore.identity.UserController$Change", "UserWrite"),
            Map.entry("productstore.orders.OrderController$StatusChange", "OrderStatusChange"),
            Map.entry("productstore.orders.Placing$Input", "OrderWrite"),
            Map.entry("productstore.orders.Placing$Input$Line", "OrderLineWrite"),
            Map.entry("productstore.platform.Money$Input", "MoneyWrite"));

    /** Schemas that no record stands for, and why. */
    private static final Map<String, String> WITHOUT_RECORD = Map.of(
            "ProductPatch", "a merge patch is applied to ProductWrite as a tree",
            "MoneyPatch", "the same",
            "JsonWebKeySet", "Nimbus writes it",
            "JsonWebKey", "Nimbus writes it");

    private final JsonMapper mapper = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .build();
    private final JsonNode description = description();
    private final JsonNode schemas = description.path("components").path("schemas");

    @Test
    void everyCallIsDescribedAndEveryDescribedCallIsThere() {
        assertThat(describedCalls()).isEqualTo(mappedCalls());
    }

    @Test
    void everyRecordThatCallsTakeOrGiveIsDescribed() {
        var records = new LinkedHashSet<Class<?>>();
        handlerMethods().forEach(method -> {
            collectRecords(method.getGenericReturnType(), records);
            Arrays.stream(method.getParameters())
                    .filter(parameter -> parameter.isAnnotationPresent(RequestBody.class))
                    .forEach(parameter -> collectRecords(parameter.getParameterizedType(), records));
        });
        // Answers with an entity tag are bytes to the compiler, so these are the start of the search too.
        Stream.concat(ANSWERS.keySet().stream(), REQUESTS.keySet().stream())
                .map(OpenApiTest::named)
                .forEach(record -> collectRecords(record, records));
        records.remove(named("productstore.platform.Page"));

        var mapped = new TreeSet<String>(ANSWERS.keySet());
        mapped.addAll(REQUESTS.keySet());
        var names = new TreeSet<String>();
        records.forEach(record -> names.add(record.getName()));
        assertThat(names).isEqualTo(mapped);
    }

    @Test
    void everyDescribedObjectHasItsRecord() {
        var objects = schemas.propertyStream()
                .filter(schema -> schema.getValue().has("properties"))
                .map(Map.Entry::getKey)
                .filter(name -> !name.endsWith("Page"))
                .collect(Collectors.toCollection(TreeSet::new));
        var known = new TreeSet<>(WITHOUT_RECORD.keySet());
        known.addAll(ANSWERS.values());
        known.addAll(REQUESTS.values());
        assertThat(objects).isEqualTo(known);
    }

    @TestFactory
    Stream<DynamicTest> answersHaveExactlyTheirSchemasMembers() {
        return ANSWERS.entrySet().stream()
                .map(entry -> DynamicTest.dynamicTest(entry.getValue(), () -> {
                    var record = named(entry.getKey());
                    var schema = schemas.path(entry.getValue());
                    assertThat(members(schema)).isEqualTo(jsonMembers(record));
                    assertThat(names(schema.path("required"))).isEqualTo(alwaysWritten(record));
                    assertThat(nullable(schema)).isEqualTo(nullable(record));
                }));
    }

    @TestFactory
    Stream<DynamicTest> requestsTakeExactlyTheirSchemasMembers() {
        return REQUESTS.entrySet().stream()
                .map(entry -> DynamicTest.dynamicTest(entry.getValue(), () -> {
                    var schema = schemas.path(entry.getValue());
                    assertThat(members(schema)).isEqualTo(jsonMembers(named(entry.getKey())));
                    assertThat(schema.path("additionalProperties").asBoolean(true))
                            .as("unknown members are refused")
                            .isFalse();
                }));
    }

    @TestFactory
    Stream<DynamicTest> pagesHaveExactlyTheirSchemasMembers() {
        var page = named("productstore.platform.Page");
        return Stream.of("UserPage", "ProductPage", "OrderPage")
                .map(name -> DynamicTest.dynamicTest(name, () -> {
                    var schema = schemas.path(name);
                    assertThat(members(schema)).isEqualTo(jsonMembers(page));
                    assertThat(names(schema.path("required"))).isEqualTo(alwaysWritten(page));
                }));
    }

    @Test
    void aPatchTakesWhatAPutTakes() {
        assertThat(members(schemas.path("ProductPatch"))).isEqualTo(members(schemas.path("ProductWrite")));
        assertThat(members(schemas.path("MoneyPatch"))).isEqualTo(members(schemas.path("MoneyWrite")));
    }

    @Test
    void problemCodes() {
        var codes = Arrays.stream(ProblemCode.values()).map(ProblemCode::code).toList();
        assertThat(values("ProblemCode")).isEqualTo(new TreeSet<>(codes));
        assertThat(description.path("components").path("examples").propertyNames())
                .containsExactlyInAnyOrderElementsOf(codes);
        for (var code : ProblemCode.values()) {
            var example = description.at("/components/examples/" + code.code() + "/value");
            assertThat(example.path("type").asString()).isEqualTo(code.type());
            assertThat(example.path("title").asString()).isEqualTo(code.title());
            assertThat(example.path("status").asInt()).isEqualTo(code.status().value());
            assertThat(example.path("code").asString()).isEqualTo(code.code());
        }
    }

    @Test
    void rolesAndStatuses() {
        assertThat(values("Role")).isEqualTo(constants("productstore.identity.Role"));
        assertThat(values("OrderStatus")).isEqualTo(constants("productstore.orders.OrderStatus"));
    }

    @Test
    void sorts() throws ReflectiveOperationException {
        assertThat(values("ProductSort")).isEqualTo(sorts("productstore.catalog.ProductList"));
        assertThat(values("OrderSort")).isEqualTo(sorts("productstore.orders.OrderList"));
    }

    @Test
    void everyReferenceLeadsSomewhere() {
        var lost = new ArrayList<String>();
        description.findValuesAsString("$ref").forEach(reference -> {
            if (description.at(reference.substring(1)).isMissingNode()) {
                lost.add(reference);
            }
        });
        assertThat(lost).isEmpty();
    }

    @Test
    void everyOperationHasANameOfItsOwn() {
        var names = operations()
                .map(operation -> operation.path("operationId").asString())
                .toList();
        assertThat(names).doesNotHaveDuplicates().doesNotContain("");
    }

    private static JsonNode description() {
        var yaml = new org.yaml.snakeyaml.Yaml(
                new org.yaml.snakeyaml.constructor.SafeConstructor(new org.yaml.snakeyaml.LoaderOptions()));
        try (var file = new ClassPathResource("openapi.yaml").getInputStream()) {
            Object tree = yaml.load(file);
            return new JsonMapper().valueToTree(tree);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private Stream<JsonNode> operations() {
        return description
                .path("paths")
                .valueStream()
                .flatMap(path -> path.propertyStream()
                        .filter(member -> METHODS.contains(member.getKey()))
                        .map(Map.Entry::getValue));
    }

    private Set<String> describedCalls() {
        return description
                .path("paths")
                .propertyStream()
                .flatMap(path -> path.getValue()
                        .propertyStream()
                        .map(Map.Entry::getKey)
                        .filter(METHODS::contains)
                        .map(method -> call(method, path.getKey())))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> mappedCalls() {
        var calls = new TreeSet<String>();
        for (var method : handlerMethods()) {
            var mapping = mapping(method);
            assertThat(mapping.getMethodsCondition().getMethods())
                    .as("%s says which method it takes", method)
                    .isNotEmpty();
            for (var verb : mapping.getMethodsCondition().getMethods()) {
                for (var path : mapping.getPatternValues()) {
                    calls.add(call(verb.name(), path));
                }
            }
        }
        return calls;
    }

    // A slash at the end and a variable's name make no difference to a client.
    private static String call(String method, String path) {
        var plain = path.replaceAll("\\{[^}]+}", "{}").replaceAll("(?<=.)/$", "");
        return method.toUpperCase(Locale.ROOT) + " " + plain;
    }

    private static List<Method> handlerMethods() {
        var scanner = new ClassPathScanningCandidateComponentProvider(false);
        scanner.addIncludeFilter(new AnnotationTypeFilter(Controller.class));
        return scanner.findCandidateComponents("productstore").stream()
                .map(bean -> named(String.valueOf(bean.getBeanClassName())))
                // Controllers of other tests are none of the store's.
                .filter(controller -> origin(controller).equals(origin(DescriptionController.class)))
                // What the container calls, not clients.
                .filter(controller -> !ErrorController.class.isAssignableFrom(controller))
                .flatMap(controller -> Arrays.stream(controller.getDeclaredMethods()))
                .filter(method -> AnnotatedElementUtils.hasAnnotation(
                        method, org.springframework.web.bind.annotation.RequestMapping.class))
                .toList();
    }

    private static URL origin(Class<?> type) {
        return type.getProtectionDomain().getCodeSource().getLocation();
    }

    private static RequestMappingInfo mapping(Method method) {
        return new RequestMappingHandlerMapping() {
            RequestMappingInfo of() {
                var mapping = getMappingForMethod(method, method.getDeclaringClass());
                assertThat(mapping).isNotNull();
                return java.util.Objects.requireNonNull(mapping);
            }
        }.of();
    }

    private static void collectRecords(Type type, Set<Class<?>> found) {
        switch (type) {
            case Class<?> record
            when record.isRecord() && record.getName().startsWith("productstore.") -> {
                if (found.add(record)) {
                    writtenComponents(record).forEach(component -> collectRecords(component.getGenericType(), found));
                }
            }
            case ParameterizedType generic -> {
                collectRecords(generic.getRawType(), found);
                Arrays.stream(generic.getActualTypeArguments()).forEach(argument -> collectRecords(argument, found));
            }
            case WildcardType wildcard ->
                Arrays.stream(wildcard.getUpperBounds()).forEach(bound -> collectRecords(bound, found));
            default -> {}
        }
    }

    private static Stream<RecordComponent> writtenComponents(Class<?> record) {
        return Arrays.stream(record.getRecordComponents())
                .filter(component -> !component
                        .getAccessor()
                        .isAnnotationPresent(com.fasterxml.jackson.annotation.JsonIgnore.class));
    }

    // Asks Jackson and not the record: a method that looks like a getter is a member of the JSON too.
    private Set<String> jsonMembers(Class<?> record) {
        var members = new TreeSet<String>();
        mapper.acceptJsonFormatVisitor(record, new JsonFormatVisitorWrapper.Base() {
            @Override
            public JsonObjectFormatVisitor expectObjectFormat(JavaType type) {
                return new JsonObjectFormatVisitor.Base(getContext()) {
                    @Override
                    public void property(BeanProperty property) {
                        members.add(property.getName());
                    }

                    @Override
                    public void optionalProperty(BeanProperty property) {
                        members.add(property.getName());
                    }
                };
            }
        });
        return members;
    }

    private static Set<String> alwaysWritten(Class<?> record) {
        return names(writtenComponents(record)
                .filter(component -> !annotated(component, JsonInclude.class))
                .toList());
    }

    private static Set<String> nullable(Class<?> record) {
        return names(writtenComponents(record)
                .filter(component -> component.getAnnotatedType().isAnnotationPresent(Nullable.class))
                .toList());
    }

    private static boolean annotated(
            RecordComponent component, Class<? extends java.lang.annotation.Annotation> annotation) {
        return Stream.<AnnotatedElement>of(component, component.getAccessor())
                .anyMatch(element -> element.isAnnotationPresent(annotation));
    }

    private static Set<String> names(Collection<RecordComponent> components) {
        return components.stream()
                .map(component -> component
                        .getName()
                        .replaceAll("(?<=[a-z])(?=[A-Z])", "_")
                        .toLowerCase(Locale.ROOT))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> names(JsonNode array) {
        return array.valueStream().map(JsonNode::asString).collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> members(JsonNode schema) {
        return new TreeSet<>(schema.path("properties").propertyNames());
    }

    private Set<String> nullable(JsonNode schema) {
        return schema.path("properties")
                .propertyStream()
                .filter(property -> names(property.getValue().path("type")).contains("null"))
                .map(Map.Entry::getKey)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private Set<String> values(String schema) {
        return names(schemas.path(schema).path("enum"));
    }

    private static Set<String> constants(String enumName) {
        return Arrays.stream(named(enumName).getEnumConstants())
                .map(constant -> ((Enum<?>) constant).name().toLowerCase(Locale.ROOT))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> sorts(String list) throws ReflectiveOperationException {
        var orders = named(list).getDeclaredField("ORDERS");
        orders.setAccessible(true);
        var names = new TreeSet<String>();
        for (var order : (Iterable<?>) orders.get(null)) {
            names.add(((SortOrder) order).name());
        }
        return names;
    }

    private static Class<?> named(String className) {
        return ClassUtils.resolveClassName(className, OpenApiTest.class.getClassLoader());
    }
}
