using System.Text;
using OrleansLog.Cli.Hosting;
using OrleansLog.Client;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Cli;

/// <summary>A silo in memory, and the command line run against it in this process.</summary>
public sealed class CliCluster : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("orleanslog-cli-").FullName;
    private LogCluster? _cluster;

    public async Task InitializeAsync() => _cluster = await LogCluster.StartAsync(_directory);

    public async Task DisposeAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Runs a command that succeeds.</summary>
    /// <returns>What it wrote to standard output.</returns>
    public async Task<string> RunAsync(string line, string input = "")
    {
        var result = await TryRunAsync(line, input);
        Assert.True(result.Code == ExitCode.Ok, $"{line}: {result.Code}: {result.Error}");
        return result.Output;
    }

    /// <summary>Runs a command.</summary>
    public async Task<CliResult> TryRunAsync(
        string line, string input = "", Stream? output = null, CancellationToken interrupted = default)
    {
        using var captured = new MemoryStream();
        using var error = new StringWriter { NewLine = "\n" };
        var host = new CliHost
        {
            Input = new MemoryStream(Encoding.UTF8.GetBytes(input)),
            Output = output ?? captured,
            Error = TextWriter.Synchronized(error),
            ProbesFirst = false,
            Connect = (options, _) => Task.FromResult(new OrleansLogClient(_cluster!.Grains, options)),
        };
        var code = await new CliApp(host).RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), interrupted);
        return new CliResult(code, Encoding.UTF8.GetString(captured.ToArray()), error.ToString());
    }
}

/// <summary>What a command returned and wrote.</summary>
public sealed record CliResult(int Code, string Output, string Error);
