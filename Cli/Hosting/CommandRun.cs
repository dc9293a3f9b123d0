using System.CommandLine;
using System.Text.Json;
using OrleansLog.Cli.Rendering;
using OrleansLog.Client;

namespace OrleansLog.Cli.Hosting;

/// <summary>One command being run: its settings, its output, and the connection, made when it is first asked for.</summary>
internal sealed class CommandRun : IAsyncDisposable
{
    private readonly StreamWriter _out;
    private OrleansLogClient? _client;

    /// <param name="host">What is around the command.</param>
    /// <param name="globals">The global options.</param>
    /// <param name="parse">The command line.</param>
    public CommandRun(CliHost host, GlobalOptions globals, ParseResult parse)
    {
        Host = host;
        Parse = parse;
        Settings = new GlobalSettings(
            parse.GetRequiredValue(globals.Bootstrap),
            parse.GetRequiredValue(globals.ClusterId),
            parse.GetRequiredValue(globals.ServiceId),
            parse.GetValue(globals.Timeout),
            parse.GetValue(globals.Json),
            parse.GetValue(globals.Verbose));
        _out = new StreamWriter(host.Output, bufferSize: 16 * 1024, leaveOpen: true);
    }

    /// <summary>What is around the command.</summary>
    public CliHost Host { get; }

    /// <summary>The command line.</summary>
    public ParseResult Parse { get; }

    /// <summary>The global options' values.</summary>
    public GlobalSettings Settings { get; }

    /// <summary>Standard output as text, flushed when the command has ended.</summary>
    public TextWriter Out => _out;

    /// <summary>Standard error.</summary>
    public TextWriter Error => Host.Error;

    /// <summary>The value of an option.</summary>
    public T? Value<T>(Option<T> option) => Parse.GetValue(option);

    /// <summary>The value of an argument that must be there.</summary>
    public T Value<T>(Argument<T> argument) => Parse.GetRequiredValue(argument);

    /// <summary>The connection to the cluster; the first call makes it.</summary>
    /// <exception cref="UnreachableException">Nobody answers.</exception>
    public async ValueTask<OrleansLogClient> ConnectAsync(CancellationToken cancellationToken) =>
        _client ??= await ClusterConnection.OpenAsync(Host, Settings, cancellationToken).ConfigureAwait(false);

    /// <summary>Writes a table, or nothing but its heading line when it has no rows.</summary>
    public void Write(Table table) => TableWriter.Write(table, _out, Host.OutputIsTerminal, Host.Width);

    /// <summary>Writes one JSON document and a newline: indented for a person, on one line for a program.</summary>
    public void WriteJson(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, JsonOutput.Options(Host.OutputIsTerminal)))
            write(json);
        _out.Flush();
        buffer.WriteByte((byte)'\n');
        buffer.WriteTo(_out.BaseStream);
    }

    /// <summary>Says something to a person: not with <c>--json</c>.</summary>
    public void Say(string line)
    {
        if (!Settings.Json)
            _out.WriteLine(line);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
            await _client.DisposeAsync().ConfigureAwait(false);
    }
}
