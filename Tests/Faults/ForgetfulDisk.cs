using System.Diagnostics;
using System.Globalization;
using OrleansLog.Tests.Processes;

namespace OrleansLog.Tests.Faults;

/// <summary>
/// The disk of a real process that keeps of its files, when the process was killed, only what was synced: the worst that a loss
/// of power may leave of their contents. See <c>forgetful.c</c>.
/// </summary>
internal sealed class ForgetfulDisk
{
    private readonly TemporaryDirectory _tools;
    private readonly string _notes;

    /// <summary>The disk of a node.</summary>
    /// <param name="tools">Where the library and the notes are; to outlive this.</param>
    /// <param name="node">The node.</param>
    /// <param name="dataDirectory">The directory whose files forget.</param>
    public ForgetfulDisk(TemporaryDirectory tools, int node, string dataDirectory)
    {
        _tools = tools;
        var id = node.ToString(CultureInfo.InvariantCulture);
        _notes = tools["notes-" + id];
        var library = CLibrary.TryBuild(Source, tools["library"]) ?? throw new InvalidOperationException($"'{Source}' was not compiled.");
        if (!CLibrary.TryCompile("-DPUT_BACK", "-o", Program, Source)) throw new InvalidOperationException($"'{Program}' was not compiled.");
        Environment = new Dictionary<string, string>(library) { ["FORGETFUL_DIRECTORY"] = dataDirectory, ["FORGETFUL_NOTES"] = _notes };
    }

    /// <summary>Variables of the process.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; }

    /// <summary>Once the process was killed: takes back what it had not synced. Answers how many changes of files that were.</summary>
    public async Task<long> ForgetAsync()
    {
        using var program = Process.Start(new ProcessStartInfo(Program, [_notes]) { RedirectStandardOutput = true })!;
        var output = await program.StandardOutput.ReadToEndAsync();
        await program.WaitForExitAsync();
        if (program.ExitCode != 0) throw new InvalidOperationException($"'{Program}' ended with exit code {program.ExitCode}. {output}");
        File.Delete(_notes);
        return long.Parse(output.Split(' ')[0], CultureInfo.InvariantCulture);
    }

    private static string Source => Path.Combine(AppContext.BaseDirectory, "Faults", "forgetful.c");

    private string Program => _tools["put-back"];
}
