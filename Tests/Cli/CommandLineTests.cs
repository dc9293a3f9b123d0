using System.Net;
using System.Net.Sockets;
using System.Text;
using OrleansLog.Cli.Hosting;
using OrleansLog.Client;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Cli;

/// <summary>What the command line says and returns as long as no silo is there.</summary>
public sealed class CommandLineTests
{
    [Theory]
    [InlineData("topic create x --partitons 3", "Unknown option '--partitons'. Did you mean '--partitions'? Try `orleanslog topic create --help`.")]
    [InlineData("topic lst", "Unknown command 'lst'. Did you mean 'list'?")]
    [InlineData("topc list", "Unknown command 'topc'. Did you mean 'topic'?")]
    [InlineData("topic", "'topic' needs a command: create, list, describe, alter, reassign, delete, delete-records.")]
    [InlineData("", "'orleanslog' needs a command: topic, produce, consume, group, cluster, perf.")]
    [InlineData("topic create", "<name> is missing.")]
    [InlineData("topic create x y", "Unexpected argument 'y'.")]
    [InlineData("topic create x --partitions 0", "--partitions: 0 is out of bounds")]
    [InlineData("topic create x --partitions", "--partitions")]
    [InlineData("topic create x --config a", "--config: 'a' is not of the form name=value.")]
    [InlineData("topic create x -c a=1 -c a=2", "--config: 'a' is given twice.")]
    [InlineData("topic alter x", "Nothing to alter")]
    [InlineData("topic alter x -c a=1 --delete-config a", "'a' is both set and deleted")]
    [InlineData("topic delete-records x --partition 0", "--before")]
    [InlineData("topic list --bootstrap a:b", "--bootstrap: 'a:b' is no address")]
    [InlineData("topic list --bootstrap a --bootstrap b", "--bootstrap")]
    [InlineData("topic list --timeout soon", "--timeout: 'soon' is no duration")]
    [InlineData("produce t --keyseparator x", "Unknown option '--keyseparator'. Did you mean '--key-separator'?")]
    [InlineData("produce t -X", "Unknown option '-X'.")]
    [InlineData("produce t --acks 3", "--acks: '3'")]
    [InlineData("produce t --compression 1", "--compression: '1' is no codec: use none, gzip, snappy, lz4 or zstd.")]
    [InlineData("produce t --key-separator=", "--key-separator")]
    [InlineData("produce t --key-separator \\q", "--key-separator: '\\q' is no escape")]
    [InlineData("consume", "<topic> is missing.")]
    [InlineData("consume t --offset 5", "--offset needs --partition")]
    [InlineData("consume t --offset 5 --partition 0 --from-beginning", "Give one of")]
    [InlineData("consume t --group g --from-time -5m", "With --group the group decides")]
    [InlineData("consume t --from-time noon", "--from-time: 'noon' is not")]
    [InlineData("consume t --format xml", "--format: 'xml' is none of text, json, hex, raw.")]
    [InlineData("consume t --format raw --print-key", "--format raw prints values and nothing else")]
    [InlineData("consume t --json --format text", "contradict")]
    [InlineData("group reset g --topic t", "Give one of --to-earliest")]
    [InlineData("group reset g --topic t --to-earliest --to-latest", "Give one of --to-earliest")]
    [InlineData("group reset g --to-earliest", "--topic")]
    [InlineData("perf produce t", "--records")]
    public async Task A_wrong_command_line_is_told_in_one_line_and_nothing_is_done(string line, string message)
    {
        var (code, output, error) = await RunAsync(line, connect: static (_, _) => throw new InvalidOperationException("It connected."));
        Assert.Equal((ExitCode.Usage, ""), (code, output));
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.StartsWith("orleanslog: ", error, StringComparison.Ordinal);
        Assert.Equal(1, error.Count(static c => c == '\n'));
    }

    [Fact]
    public async Task After_two_dashes_a_file_may_have_an_options_name()
    {
        var (code, _, error) = await RunAsync("produce t -- --no-such-file");
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("There is no file '--no-such-file'.", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_is_no_error_and_calls_the_command_by_its_name()
    {
        var (code, output, error) = await RunAsync("consume --help");
        Assert.Equal((ExitCode.Ok, ""), (code, error));
        Assert.Contains("orleanslog consume <topic>", output, StringComparison.Ordinal);
        Assert.Contains("--until-end", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_version_is_printed()
    {
        var (code, output, _) = await RunAsync("--version");
        Assert.Equal(ExitCode.Ok, code);
        Assert.Matches(@"^\d+\.\d+", output);
    }

    [Fact]
    public async Task Where_nothing_listens_it_says_so_at_once_and_what_to_do()
    {
        var port = UnusedPort();
        var (code, _, error) = await RunAsync($"topic list --bootstrap 127.0.0.1:{port}");
        Assert.Equal(ExitCode.Unreachable, code);
        Assert.Equal(
            $"orleanslog: Nothing listens at 127.0.0.1:{port}; start a silo with `dotnet run --project Silo` or name another with --bootstrap.\n",
            error);
    }

    [Fact]
    public async Task The_bootstrap_may_come_from_the_environment()
    {
        var port = UnusedPort();
        var (code, _, error) = await RunAsync("topic list", environment: $"127.0.0.1:{port}");
        Assert.Equal(ExitCode.Unreachable, code);
        Assert.Contains($"127.0.0.1:{port}", error, StringComparison.Ordinal);
        (code, _, error) = await RunAsync("topic list", environment: "nonsense:x");
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("ORLEANSLOG_BOOTSTRAP: 'nonsense:x' is no address", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_listens_without_being_a_silo_is_told_apart()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var (code, _, error) = await RunAsync(
            $"topic list --bootstrap {listener.LocalEndpoint}",
            connect: static (_, _) => throw new OrleansLogException(ErrorCode.NetworkException, "no answer"));
        Assert.Equal(ExitCode.Unreachable, code);
        Assert.Contains("did not answer as an OrleansLog silo of cluster 'default'", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_refusal_is_one_line_with_its_name_and_a_stack_trace_only_when_asked(bool verbose)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var (code, _, error) = await RunAsync(
            $"topic list --bootstrap {listener.LocalEndpoint}{(verbose ? " --verbose" : "")}",
            connect: static (_, _) => throw new OrleansLogException(ErrorCode.PolicyViolation, "not\nyou"));
        Assert.Equal(ExitCode.Failed, code);
        Assert.StartsWith("orleanslog: PolicyViolation: not you\n", error, StringComparison.Ordinal);
        Assert.Equal(verbose, error.Contains("   at ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_interrupt_is_quiet()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var interrupted = new CancellationTokenSource();
        var (code, _, error) = await RunAsync(
            $"topic list --bootstrap {listener.LocalEndpoint}",
            connect: async (_, cancellationToken) =>
            {
                await interrupted.CancelAsync();
                await Task.Delay(Timeout.Infinite, cancellationToken);
                return null!;
            },
            interrupted: interrupted.Token);
        Assert.Equal((ExitCode.Interrupted, ""), (code, error));
    }

    private static int UnusedPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(
        string line,
        Func<OrleansLogClientOptions, CancellationToken, Task<OrleansLogClient>>? connect = null,
        string? environment = null,
        CancellationToken interrupted = default)
    {
        using var output = new MemoryStream();
        using var error = new StringWriter { NewLine = "\n" };
        var host = new CliHost
        {
            Input = Stream.Null,
            Output = output,
            Error = error,
            Environment = name => name == GlobalOptions.BootstrapVariable ? environment : null,
            Connect = connect ?? OrleansLogClient.ConnectAsync,
        };
        var code = await new CliApp(host).RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), interrupted);
        return (code, Encoding.UTF8.GetString(output.ToArray()), error.ToString());
    }
}
