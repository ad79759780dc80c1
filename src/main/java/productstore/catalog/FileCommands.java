package productstore.catalog;

import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import javax.sql.DataSource;
import productstore.platform.Progress;

/** The commands {@code import} and {@code export}. */
public final class FileCommands {
    public static final String IMPORT_HELP = """
            ./store import products.csv
              Brings the products of a CSV file into the catalogue: all of it, or, if any line is wrong, nothing; every
              wrong line is named. Known skus are updated where they differ, others are new. The same file again changes
              nothing. Columns, in any order, separated by commas, in UTF-8:
                sku,name,description,category,price,currency,stock,image_url
              category is a path, "Молочные продукты > Сыры" (a > in a name is doubled); missing categories are made.
              price is a decimal number, 199.90. stock is what was counted; an empty cell leaves it as it is (0 for a new
              product). Products that are not in the file stay as they are. Works while a store is running.
            """;
    public static final String EXPORT_HELP = """
            ./store export [products.csv]
              Writes all products that are for sale as such a file, or to the standard output. Importing it again changes
              nothing. Texts are written as they are: one that begins with = + - or @ is a formula to a spreadsheet
              program, so open files only if you trust whoever may write products. Works while a store is running.
            """;

    private FileCommands() {}

    /**
     * Runs {@code import}.
     *
     * @param arguments behind the verb
     * @param out hears the closing sentence and how far it is
     * @param err hears what is wrong
     * @return the exit code: 0, or 1 if nothing was imported
     */
    public static int importFile(DataSource database, List<String> arguments, PrintStream out, PrintStream err) {
        if (arguments.size() != 1) {
            err.print(IMPORT_HELP);
            return 1;
        }
        var name = arguments.getFirst();
        try {
            return importFile(database, Path.of(name), out, err);
        } catch (NoSuchFileException | InvalidPathException e) {
            err.println("There is no file " + name + ".");
        } catch (IOException e) {
            err.println("The file " + name + " can't be read (" + e.getMessage() + ").");
        } catch (ProductFiles.ChangedMeanwhile e) {
            err.println(e.getMessage());
        }
        return 1;
    }

    /**
     * Runs {@code export}. Where there is a file of that name it is replaced, but only by a complete one.
     *
     * @param arguments behind the verb
     * @param out gets the file if the arguments name none, else the closing sentence
     * @return the exit code: 0, or 1 if the file can't be written
     */
    public static int exportFile(DataSource database, List<String> arguments, PrintStream out, PrintStream err) {
        var files = new ProductFiles(database);
        if (arguments.isEmpty()) {
            var count = files.export(out);
            out.flush();
            // A pipe that was closed by its reader shows only here.
            return out.checkError() ? 1 : told(err, count);
        }
        if (arguments.size() > 1) {
            err.print(EXPORT_HELP);
            return 1;
        }
        var name = arguments.getFirst();
        try {
            var file = Path.of(name).toAbsolutePath();
            var draft = file.resolveSibling(file.getFileName() + ".part");
            long count;
            try (var stream = Files.newOutputStream(draft)) {
                count = files.export(stream);
            }
            Files.move(draft, file, StandardCopyOption.REPLACE_EXISTING);
            return told(out, count);
        } catch (IOException | java.io.UncheckedIOException | InvalidPathException e) {
            err.println("The file " + name + " can't be written (" + e.getMessage() + ").");
            return 1;
        }
    }

    private static int told(PrintStream out, long count) {
        out.println("Exported " + count + " products.");
        return 0;
    }

    private static int importFile(DataSource database, Path file, PrintStream out, PrintStream err) throws IOException {
        // Reading is about half of the work.
        try (var progress = new Progress(out, Progress.onTerminal(), 2.0 * Files.size(file));
                var counted = new Counted(Files.newInputStream(file))) {
            long[] faults = {0};
            var imported = new ProductFiles(database)
                    .load(
                            new BufferedInputStream(counted),
                            fault -> {
                                faults[0]++;
                                progress.clear();
                                err.println(file + ":" + fault.line() + ": " + fault.message());
                            },
                            new ProductFiles.Steps() {
                                @Override
                                public void step(String what) {
                                    progress.step(what);
                                }

                                @Override
                                public void line() {
                                    progress.reach((double) counted.bytes);
                                }
                            });
            progress.clear();
            if (imported == null) {
                err.println("Nothing was imported: " + faults[0] + (faults[0] == 1 ? " fault." : " faults."));
                return 1;
            }
            out.printf(
                    "Imported %s in %.1f s: %d products are new, %d changed, %d unchanged; %d categories are new.%n",
                    file,
                    progress.seconds(),
                    imported.added(),
                    imported.changed(),
                    imported.unchanged(),
                    imported.newCategories());
            return 0;
        }
    }

    /** Counts what was read. */
    private static final class Counted extends FilterInputStream {
        private long bytes;

        Counted(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            int b = super.read();
            bytes += b < 0 ? 0 : 1;
            return b;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            int count = super.read(buffer, offset, length);
            bytes += Math.max(count, 0);
            return count;
        }
    }
}
