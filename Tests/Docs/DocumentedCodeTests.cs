using Xunit;

namespace OrleansLog.Tests.Docs;

/// <summary>Code on a page of the documentation is code that is compiled and run here.</summary>
public sealed class DocumentedCodeTests
{
    [Theory]
    [InlineData("docs/testing.md", "Tests/Docs/OrderServiceTests.cs")]
    [InlineData("README.md", "Tests/Docs/ReadmeCode.cs")]
    public void The_page_shows_the_code_that_runs(string page, string source)
    {
        var root = Root();
        var shown = CodeOf(File.ReadAllText(Path.Combine(root, page)));
        var lines = File.ReadAllLines(Path.Combine(root, source)).Where(static line => !line.StartsWith("namespace ", StringComparison.Ordinal));
        var run = Normalise(string.Join('\n', lines));
        Assert.NotEmpty(shown);
        Assert.All(shown, block => Assert.Contains(Normalise(block), run, StringComparison.Ordinal));
    }

    [Fact]
    public void The_commands_run_from_a_clone_in_which_nothing_but_the_silo_was_built()
    {
        var root = Root();
        var readme = File.ReadAllLines(Path.Combine(root, "README.md"));
        var alias = Array.FindIndex(readme, static line => line.StartsWith("alias orleanslog=", StringComparison.Ordinal));
        Assert.Equal("dotnet build -c Release Cli", readme[alias - 1]);
        const string Built = "/Cli/bin/Release/net10.0/OrleansLog.Cli.dll";
        Assert.Contains(Built, readme[alias], StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(AppContext.BaseDirectory, Path.GetFileName(Built))), Built);
        Assert.Contains($"alias orleanslog='dotnet \"$root{Built}\"'", File.ReadAllText(Path.Combine(root, "run-cluster")), StringComparison.Ordinal);
    }

    private static List<string> CodeOf(string markdown)
    {
        const string Start = "```csharp\n";
        var blocks = new List<string>();
        for (var at = markdown.IndexOf(Start, StringComparison.Ordinal); at >= 0; at = markdown.IndexOf(Start, at, StringComparison.Ordinal))
        {
            at += Start.Length;
            blocks.Add(markdown[at..markdown.IndexOf("```", at, StringComparison.Ordinal)]);
        }

        return blocks;
    }

    /// <summary>Without empty lines, indentation and imports, which a page sets as it likes.</summary>
    private static string Normalise(string code) => string.Join(
        '\n', code.Split('\n').Select(static line => line.Trim()).Where(static line => line.Length > 0 && !IsImport(line)));

    private static bool IsImport(string line) => line.StartsWith("using ", StringComparison.Ordinal) && !line.Contains('=', StringComparison.Ordinal);

    private static string Root()
    {
        for (var directory = AppContext.BaseDirectory; directory is not null; directory = Path.GetDirectoryName(directory))
        {
            if (File.Exists(Path.Combine(directory, "OrleansLog.sln"))) return directory;
        }

        throw new DirectoryNotFoundException("The tests do not run within the repository.");
    }
}
