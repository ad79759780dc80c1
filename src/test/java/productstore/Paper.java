package productstore;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A Markdown file of the repository, as far as tests hold it against the program. */
record Paper(Path file, String text) {
    // In a list, too.
    private static final Pattern FENCE = Pattern.compile("\\s*(?:(?:[-*]|\\d+\\.)\\s+)?```(\\S*).*");

    /**
     * A fenced block.
     *
     * @param language what stands behind the opening fence
     * @param line the number of its first line in the file
     * @param mark the line right above the opening fence, which says who runs a command; empty if there is none
     */
    record Block(String language, String text, int line, String mark) {}

    /**
     * A command for a shell, and what the paper says is answered; null if it says nothing.
     *
     * @param command with its variables, which earlier commands of the same paper set
     */
    record Example(Block command, @Nullable Block answer) {}

    static Paper read(String file) throws IOException {
        var path = Path.of(file);
        return new Paper(path, Files.readString(path));
    }

    List<Block> blocks() {
        var blocks = new ArrayList<Block>();
        var lines = text.lines().toList();
        for (int n = 0; n < lines.size(); n++) {
            var fence = FENCE.matcher(lines.get(n));
            if (fence.matches()) {
                int begin = n + 1;
                for (n = begin; !lines.get(n).strip().equals("```"); n++) {}
                blocks.add(new Block(
                        fence.group(1),
                        String.join("\n", lines.subList(begin, n)),
                        begin + 1,
                        begin < 2 ? "" : lines.get(begin - 2).strip()));
            }
        }
        return blocks;
    }

    /** The commands that call the store, in order. */
    List<Example> examples() {
        var blocks = blocks();
        var examples = new ArrayList<Example>();
        for (int n = 0; n < blocks.size(); n++) {
            if (callsTheStore(blocks.get(n))) {
                var next = n + 1 < blocks.size() && isAnswer(blocks.get(n + 1)) ? blocks.get(n + 1) : null;
                examples.add(new Example(blocks.get(n), next));
            }
        }
        return examples;
    }

    static boolean callsTheStore(Block block) {
        return block.language().equals("sh") && block.text().contains("curl ");
    }

    static boolean isAnswer(Block block) {
        return block.language().equals("json") || block.language().equals("http");
    }
}
