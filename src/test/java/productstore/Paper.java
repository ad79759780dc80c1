package productstore;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A Markdown file of the repository, as far as tests hold it against the program. */
record Paper(Path file, String text) {

    /**
     * A fenced block.
     *
     * @param language what stands behind the opening fence
     * @param line the number of its first line in the file
     */
    record Block(String language, String text, int line) {}

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
            if (lines.get(n).startsWith("```")) {
                int begin = n + 1;
                for (n = begin; !lines.get(n).equals("```"); n++) {}
                blocks.add(new Block(
                        lines.get(begin - 1).substring(3), String.join("\n", lines.subList(begin, n)), begin + 1));
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
