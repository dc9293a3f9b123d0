using System.Globalization;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Topics;
using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Cli.Cluster;

/// <summary>Waits for moves of replicas, and shows on a terminal how many there still are.</summary>
internal sealed class MoveProgress : IProgress<int>
{
    private const int BarWidth = 30;
    private readonly TextWriter? _output;
    private readonly int _total;

    private MoveProgress(TextWriter? output, int total)
    {
        _output = output;
        _total = total;
    }

    /// <summary>Waits until none of the partitions is being moved any more. Interrupted, it says that the moves go on.</summary>
    public static async Task WaitAsync(
        CommandRun run, AdminClient admin, IReadOnlySet<TopicPartition> partitions, CancellationToken cancellationToken)
    {
        if (partitions.Count == 0) return;
        var shown = run.Host.ErrorIsTerminal && !run.Settings.Json ? run.Error : null;
        var started = run.Host.Time.GetTimestamp();
        try
        {
            await admin.WaitForReassignmentsAsync(partitions, new MoveProgress(shown, partitions.Count), cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await run.Error.WriteLineAsync("What has begun goes on; 'cluster reassignments' shows it.").ConfigureAwait(false);
            throw;
        }
        finally
        {
            if (shown is not null) await shown.WriteAsync("\r\u001b[K").ConfigureAwait(false);
        }

        var seconds = run.Host.Time.GetElapsedTime(started).TotalSeconds;
        run.Say(string.Create(CultureInfo.InvariantCulture, $"{TopicText.Partitions(partitions.Count)} moved in {seconds:0.0} s."));
    }

    /// <inheritdoc/>
    public void Report(int value)
    {
        var filled = BarWidth * (_total - value) / _total;
        _output?.Write(string.Create(
            CultureInfo.InvariantCulture,
            $"\r[{new string('#', filled)}{new string('.', BarWidth - filled)}] {_total - value} of {TopicText.Partitions(_total)} moved\u001b[K"));
    }
}
