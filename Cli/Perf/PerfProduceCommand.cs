using System.CommandLine;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Parsing;
using OrleansLog.Cli.Produce;

namespace OrleansLog.Cli.Perf;

/// <summary><c>perf produce TOPIC --records N --size BYTES</c>.</summary>
internal static class PerfProduceCommand
{
    private const int LargestValue = 60_000_000;
    private const int RecordOverhead = 4096;

    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var topic = new Argument<string>("topic") { Description = "The topic; it must exist. The records stay in it." };
        var records = ParsedOption.CreateNumber("--records", 1, long.MaxValue, "How many records.");
        records.Aliases.Add("-n");
        records.Required = true;
        var size = ParsedOption.CreateNumber("--size", 0, LargestValue, "Bytes of each value. Default: 100.");
        size.Aliases.Add("-s");
        var rate = ParsedOption.CreateNumber(
            "--rate", 1, 1_000_000_000, "Records a second; latency is then measured from when a record was due. Default: as many as can be.");
        var keys = ParsedOption.CreateNumber(
            "--keys", 0, long.MaxValue, "How many different keys there are, used in turn. Default: 0, no keys.");
        var tuning = new ProducerTuning();
        var command = new Command("produce", "Produce made-up records and measure.") { topic, records, size, rate, keys };
        tuning.AddTo(command);
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var valueBytes = (int)(run.Value(size) ?? 100);
            var name = run.Value(topic);
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            await TopicCheck.RequireAsync(client.Admin, name, null, cancellationToken).ConfigureAwait(false);
            var producer = client.CreateProducer(tuning.Read(run.Parse, valueBytes + RecordOverhead, run.Settings.Timeout));
            await using (producer.ConfigureAwait(false))
            {
                var meter = new PerfMeter(run.Host.Time);
                var load = new ProduceLoad(producer, name, new RecordGenerator(valueBytes, run.Value(keys) ?? 0), meter, run.Host.Time);
                await using (new PerfTicker(meter, run.Host.Time, sample => PerfReport.WriteInterval(run, sample)).ConfigureAwait(false))
                    await load.RunAsync(run.Value(records)!.Value, run.Value(rate), cancellationToken).ConfigureAwait(false);
                PerfReport.WriteTotal(run, meter.Total(), "produced");
                if (load.Deliveries.FirstFailure is { } failure)
                    throw failure;
                return ExitCode.Ok;
            }
        });
    }
}
