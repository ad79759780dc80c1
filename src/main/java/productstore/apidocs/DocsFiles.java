package productstore.apidocs;

import java.io.IOException;
import java.time.Duration;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.io.ClassPathResource;
import org.springframework.core.io.support.PropertiesLoaderUtils;
import org.springframework.http.CacheControl;
import org.springframework.web.servlet.config.annotation.ResourceHandlerRegistry;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;

/** The files of the page at {@code /api/docs}: our own few, and Swagger UI's out of its webjar, whatever its version. */
@Configuration(proxyBeanMethods = false)
class DocsFiles implements WebMvcConfigurer {
    @Override
    public void addResourceHandlers(ResourceHandlerRegistry registry) {
        // By name, so that the webjar's own start page and its redirects are not to be had.
        registry.addResourceHandler(
                        "/api/docs/{file:docs\\.js|docs\\.css|swagger-ui\\.css|swagger-ui-bundle\\.js|favicon-32x32\\.png}")
                .addResourceLocations("classpath:/apidocs/", webjar())
                .setCacheControl(CacheControl.maxAge(Duration.ofHours(1)))
                // Files of a jar bear the time of its build, which needn't change when they do.
                .setUseLastModified(false);
    }

    private static String webjar() {
        try {
            var properties = PropertiesLoaderUtils.loadProperties(
                    new ClassPathResource("META-INF/maven/org.webjars/swagger-ui/pom.properties"));
            return "classpath:/META-INF/resources/webjars/swagger-ui/" + properties.getProperty("version") + "/";
        } catch (IOException e) {
            throw new IllegalStateException("the webjar of Swagger UI is not on the class path", e);
        }
    }
}
