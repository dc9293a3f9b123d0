using System.CommandLine;
using OrleansLog.Cli.Consume;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Input;
using OrleansLog.Cli.Parsing;
using OrleansLog.Cli.Rendering;
using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Cli.Perf;

/// <summary><c>perf consume TOPIC --records N</c>.</summary>
internal static class PerfConsumeCommand
{
    private static readonly TimeSpan DefaultIdleTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var topic = new Argument<string>("topic") { Description = "The topic." };
        var records = ParsedOption.CreateNumber("--records", 1, long.MaxValue, "How many records.");
        records.Aliases.Add("-n");
        records.Required = true;
        var tail = new Option<bool>("--tail")
        {
            Description = "Read what comes from now on, and measure how old each record is on arrival (as true as the two clocks agree).",
        };
        var idle = ParsedOption.Create<TimeSpan?>(
            "--idle-timeout",
            static text => Durations.TryParse(text, out var value) && value > TimeSpan.Zero
                ? value
                : throw new FormatException($"'{text}' is no time to wait, like 10s."),
            "Give up when no record has come for so long. Default: 10s.");
        var command = new Command("consume", "Read records, throw them away, and measure.") { topic, records, tail, idle };
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var name = run.Value(topic);
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            var found = await TopicCheck.RequireAsync(client.Admin, name, null, cancellationToken).ConfigureAwait(false);
            var consumer = client.CreateConsumer(new ConsumerOptions<NullableBytes, NullableBytes>
            {
                KeyDeserializer = NullableBytesSerializer.Instance,
                ValueDeserializer = NullableBytesSerializer.Instance,
                EnableAutoCommit = false,
            });
            await using (consumer.ConfigureAwait(false))
            {
                var position = run.Value(tail) ? LogPosition.End : LogPosition.Beginning;
                consumer.Assign(found.Partitions.Select(partition =>
                    KeyValuePair.Create(new TopicPartition(name, partition.Partition), position)));
                var meter = new PerfMeter(run.Host.Time);
                var load = new ConsumeLoad(new ConsumerSource(consumer), meter, run.Value(tail), run.Host.Time);
                bool complete;
                await using (new PerfTicker(meter, run.Host.Time, sample => PerfReport.WriteInterval(run, sample)).ConfigureAwait(false))
                {
                    complete = await load.RunAsync(
                        run.Value(records)!.Value, run.Value(idle) ?? DefaultIdleTimeout, cancellationToken).ConfigureAwait(false);
                }

                var total = meter.Total();
                PerfReport.WriteTotal(run, total, "consumed");
                return complete
                    ? ExitCode.Ok
                    : throw new TimeoutException($"Only {Quantity.Count(total.Records)} of {Quantity.Count(run.Value(records)!.Value)} records came.");
            }
        });
    }
}
