using System.ComponentModel;
using System.Diagnostics;
using Xunit;

namespace OrleansLog.Tests.Faults;

/// <summary>C source in front of the C library of a process, and programs of it. Needs a C compiler.</summary>
internal static class CLibrary
{
    private static readonly Lazy<bool> HasCompiler = new(static () => TryCompile("--version"));

    /// <summary>Why a test that needs a compiler cannot run; null when it can.</summary>
    public static string? Missing => HasCompiler.Value ? null : "There is no C compiler (Debian: apt-get install gcc libc6-dev).";

    /// <summary>Makes a library that comes before the C library, under its name, so that .NET finds it too.</summary>
    /// <param name="source">The path of the source.</param>
    /// <param name="directory">A directory for it alone; made here.</param>
    /// <returns>Variables of a process that is to be behind it; null without a compiler.</returns>
    public static IReadOnlyDictionary<string, string>? TryBuild(string source, string directory)
    {
        var library = Path.Combine(Directory.CreateDirectory(directory).FullName, "libc.so");
        return TryCompile("-shared", "-fPIC", "-o", library, source, "-ldl", "-lpthread")
            ? new Dictionary<string, string> { ["LD_LIBRARY_PATH"] = directory, ["LD_PRELOAD"] = library }
            : null;
    }

    /// <summary>Compiles; false when there is no compiler, or it refuses.</summary>
    public static bool TryCompile(params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("cc", arguments) { RedirectStandardOutput = true })!;
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}

/// <summary>A test that needs PostgreSQL and a C compiler.</summary>
public sealed class ForgetfulFactAttribute : FactAttribute
{
    public ForgetfulFactAttribute() => Skip = new Cluster.Postgres.PostgresFactAttribute().Skip ?? CLibrary.Missing;
}
