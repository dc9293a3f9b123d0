using System.CommandLine;
using OrleansLog.Cli.Input;
using OrleansLog.Cli.Parsing;
using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Cli.Produce;

/// <summary>The options of <c>produce</c> and <c>perf produce</c> that set up the producer itself.</summary>
internal sealed class ProducerTuning
{
    private const int DefaultMaxRequest = 1024 * 1024;
    private const int LargestRequest = 64 * 1024 * 1024;

    private readonly Option<CompressionType> _compression = ParsedOption.Create(
        "--compression",
        static text => Enum.TryParse<CompressionType>(text, ignoreCase: true, out var codec) && !char.IsAsciiDigit(text[0])
            ? codec
            : throw new FormatException($"'{text}' is no codec: use none, gzip, snappy, lz4 or zstd."),
        "How batches are compressed. Default: none.");

    private readonly Option<Acks> _acks = ParsedOption.Create(
        "--acks",
        static text => text switch
        {
            "all" or "-1" => Acks.All,
            "1" => Acks.Leader,
            "0" => Acks.None,
            _ => throw new FormatException($"'{text}' is no answer to whose acknowledgement to wait for: use all, 1 or 0."),
        },
        "Whose acknowledgement a record waits for: all in-sync replicas, the leader (1), nobody (0). Default: all.");

    private readonly Option<bool> _noIdempotence = new("--no-idempotence")
    {
        Description = "Let a retry store a record twice.",
    };

    private readonly Option<long?> _lingerMs = ParsedOption.CreateNumber(
        "--linger-ms", 0, 60_000, "How long a record may wait for others to share its batch. Default: 0.");

    private readonly Option<long?> _batchSize = ParsedOption.CreateNumber(
        "--batch-size", 1, LargestRequest, "Bytes at which a batch is sent without waiting for more. Default: 256k.");

    private readonly Option<long?> _bufferMemory = ParsedOption.CreateNumber(
        "--buffer-memory", 64 * 1024, 2L * 1024 * 1024 * 1024, "Bytes of records under way; reading waits beyond. Default: 32m.");

    /// <summary>Makes the options.</summary>
    public ProducerTuning()
    {
        _compression.DefaultValueFactory = static _ => CompressionType.None;
        _compression.HelpName = "none|gzip|snappy|lz4|zstd";
        _compression.CompletionSources.Add("none", "gzip", "snappy", "lz4", "zstd");
        _compression.Aliases.Add("-z");
        _acks.DefaultValueFactory = static _ => Acks.All;
        _acks.HelpName = "all|1|0";
        _acks.CompletionSources.Add("all", "1", "0");
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_compression);
        command.Add(_acks);
        command.Add(_noIdempotence);
        command.Add(_lingerMs);
        command.Add(_batchSize);
        command.Add(_bufferMemory);
    }

    /// <summary>The producer that the command line asks for.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="largestRecord">Bytes of the largest record there may be.</param>
    /// <param name="timeout">How long a delivery may take; null for the client's own default.</param>
    public ProducerOptions<NullableBytes, NullableBytes> Read(ParseResult parse, int largestRecord, TimeSpan? timeout)
    {
        var options = new ProducerOptions<NullableBytes, NullableBytes>
        {
            KeySerializer = NullableBytesSerializer.Instance,
            ValueSerializer = NullableBytesSerializer.Instance,
            Compression = parse.GetValue(_compression),
            Acks = parse.GetValue(_acks),
            EnableIdempotence = parse.GetValue(_noIdempotence) ? false : null,
            LingerMs = (int)(parse.GetValue(_lingerMs) ?? 0),
        };
        options.BatchSize = (int)(parse.GetValue(_batchSize) ?? options.BatchSize);
        options.MaxRequestSize = Math.Min(LargestRequest, Math.Max(DefaultMaxRequest, Math.Max(options.BatchSize, largestRecord)));
        options.BufferMemory = Math.Max(parse.GetValue(_bufferMemory) ?? options.BufferMemory, options.MaxRequestSize);
        if (timeout is { } limit)
        {
            options.DeliveryTimeoutMs = Math.Max((int)limit.TotalMilliseconds, options.LingerMs + 2);
            options.RequestTimeoutMs = Math.Min(options.RequestTimeoutMs, options.DeliveryTimeoutMs - options.LingerMs);
            options.MaxBlockMs = options.DeliveryTimeoutMs;
        }

        return options;
    }
}
