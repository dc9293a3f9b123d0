using System.Diagnostics;
using System.Globalization;
using OrleansLog.Tests.Proofs;

namespace OrleansLog.Tests.Processes;

/// <summary>
/// A process of the system under test. It ends with this object, and with the process of the tests, however a test ends; every
/// wait has a limit, and a failed one says what the process wrote.
/// </summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private static readonly HashSet<Process> Alive = [];
    private static int s_copies;

    private readonly Process _process;
    private readonly Task _output;
    private readonly Task _errors;
    private readonly string _name;
    private bool _disposed;

    static ChildProcess() => AppDomain.CurrentDomain.ProcessExit += static (_, _) =>
    {
        lock (Alive)
        {
            foreach (var process in Alive.Where(static process => !process.HasExited)) process.Kill();
        }
    };

    private ChildProcess(Process process, string name, Stream? outputBytes, LineLog errors)
    {
        _process = process;
        _name = name;
        Errors = errors;
        _output = outputBytes is null
            ? ReadAsync(process.StandardOutput, Output)
            : CopyAsync(process.StandardOutput.BaseStream, outputBytes, Output);
        _errors = ReadAsync(process.StandardError, Errors);
    }

    public int Id => _process.Id;

    public bool HasExited => _disposed || _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>What it wrote to its standard output, unless that went elsewhere.</summary>
    public LineLog Output { get; } = new();

    public LineLog Errors { get; }

    /// <summary>Its standard input; to be closed by the test.</summary>
    public StreamWriter Input => _process.StandardInput;

    /// <summary>Starts a program of this solution, which was built with the tests.</summary>
    /// <param name="assembly">The program's assembly, without its ending.</param>
    /// <param name="arguments">Its command line.</param>
    /// <param name="workingDirectory">A directory of the test's own, lest it reads settings that lie about.</param>
    /// <param name="outputBytes">Where its standard output goes, closed at its end; null to gather it as lines.</param>
    /// <param name="shellPrefix">Commands of a shell that runs the program, such as a limit of its resources.</param>
    /// <param name="launcher">A command that becomes the program, such as <c>ip netns exec NAME</c>; without a shell prefix.</param>
    /// <param name="environment">Further variables.</param>
    public static ChildProcess Start(
        string assembly,
        IEnumerable<string> arguments,
        string? workingDirectory = null,
        Stream? outputBytes = null,
        string? shellPrefix = null,
        IReadOnlyList<string>? launcher = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        var dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        string[] command = launcher is { Count: > 0 } ? [.. launcher, dotnet] : [dotnet];
        var start = new ProcessStartInfo(shellPrefix is null ? command[0] : "/bin/sh")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingDirectory ?? Path.GetTempPath(),
        };
        if (shellPrefix is not null)
        {
            foreach (var part in (string[])["-c", shellPrefix + "; exec \"$@\"", "sh", dotnet]) start.ArgumentList.Add(part);
        }

        if (shellPrefix is null)
        {
            foreach (var part in command.Skip(1)) start.ArgumentList.Add(part);
        }

        start.ArgumentList.Add(Path.Combine(DirectoryOf(assembly), assembly + ".dll"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        // The settings of whoever runs the tests are not those of the test.
        foreach (var name in start.Environment.Keys.Where(static name => name.StartsWith("OrleansLog", StringComparison.OrdinalIgnoreCase)).ToArray())
            start.Environment.Remove(name);

        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        var errors = new LineLog(CopyOfErrors(assembly));
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{assembly} did not start.");
        lock (Alive) Alive.Add(process);
        return new ChildProcess(process, assembly, outputBytes, errors);
    }

    // Of a run by hand that goes on for longer than a process, or than what is kept of its lines.
    private static string? CopyOfErrors(string name) => ProofSettings.Logs is { } directory
        ? Path.Combine(
            Directory.CreateDirectory(directory).FullName,
            string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:HHmmss}-{name}-{Environment.ProcessId}-{Interlocked.Increment(ref s_copies)}.log"))
        : null;

    // A measurement, by hand, may take a silo that was published, which is compiled ahead: ORLEANSLOG_PUBLISHED names its directory.
    private static string DirectoryOf(string assembly) =>
        Environment.GetEnvironmentVariable("ORLEANSLOG_PUBLISHED") is { Length: > 0 } published && assembly == "OrleansLog.Silo"
            ? published
            : AppContext.BaseDirectory;

    /// <summary>Ends it as kill -9 does, and returns when it is gone.</summary>
    public async Task KillAsync()
    {
        if (_disposed) return; // it ended, and is let go of already
        _process.Kill();
        await WaitForExitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>Asks it to stop, as Ctrl+C does.</summary>
    public void Interrupt() => ProcessSignal.Send(Id, ProcessSignal.Interrupt);

    /// <summary>Asks it to stop, as a service manager does.</summary>
    public void Terminate() => ProcessSignal.Send(Id, ProcessSignal.Terminate);

    /// <summary>Its exit code, once it has ended and all that it wrote is here.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan limit)
    {
        try
        {
            await _process.WaitForExitAsync().WaitAsync(limit);
            await Task.WhenAll(_output, _errors).WaitAsync(limit);
            return _process.ExitCode;
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{_name} (process {Id}) has not ended within {limit}. {Describe()}", e);
        }
    }

    /// <summary>A line of its standard output.</summary>
    /// <exception cref="InvalidOperationException">It ended before it wrote one.</exception>
    public async Task<string> WaitForLineAsync(Func<string, bool> matches, TimeSpan limit)
    {
        try
        {
            return await Output.WaitForAsync(matches).WaitAsync(limit)
                ?? throw new InvalidOperationException(
                    $"{_name} ended with exit code {await WaitForExitAsync(limit)} before it wrote what was waited for. {Describe()}");
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{_name} (process {Id}) has not written what was waited for within {limit}. {Describe()}", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        if (!_process.HasExited) _process.Kill();
        await WaitForExitAsync(TimeSpan.FromSeconds(30));
        lock (Alive) Alive.Remove(_process);
        _process.Dispose();
    }

    /// <summary>What it wrote, for the message of a failed test.</summary>
    public string Describe() => $"Its output:\n{Output.Text}\nIts errors:\n{Errors.Text}\n";

    private static async Task ReadAsync(StreamReader reader, LineLog log)
    {
        try
        {
            await ProcessPipe.ReadLinesAsync(reader, log.Add);
        }
        finally
        {
            log.End();
        }
    }

    private static async Task CopyAsync(Stream from, Stream to, LineLog log)
    {
        try
        {
            await using (to) await ProcessPipe.CopyAsync(from, to);
        }
        finally
        {
            log.End();
        }
    }
}
