using OrleansLog.Client;
using OrleansLog.Records;
using OrleansLog.Tests.Processes;
using Xunit;
using Xunit.Abstractions;

namespace OrleansLog.Tests.Proofs;

/// <summary>The disk is full: an error that says so, nothing acknowledged that is not there, and all of it there afterwards.</summary>
[Collection(ProcessCollection.Name)]
public sealed class FullDiskTests(ITestOutputHelper output)
{
    private const string Topic = "ledger";
    /// <summary>More than the rest that a refused batch may have left.</summary>
    private const int LargeRecord = 900_000;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly ProofReport _report = new(output);

    [Fact]
    public async Task A_full_disk_is_named_and_loses_nothing_that_was_acknowledged()
    {
        using var disk = SmallDisk.Create();
        await FillAndRecoverAsync(disk);
    }

    [Fact]
    public async Task A_file_that_may_not_grow_is_named_and_loses_nothing_that_was_acknowledged()
    {
        using var disk = new SmallDisk.FileSizeLimit();
        await FillAndRecoverAsync(disk);
    }

    private async Task FillAndRecoverAsync(SmallDisk disk)
    {
        var ledger = new Ledger(partitions: 1);
        long sent;
        await using (var silo = await SiloProcess.StartAsync(disk.Setup))
        {
            await using var client = await silo.ConnectAsync();
            try
            {
                await client.Admin.CreateTopicAsync(Topic, 1);
            }
            catch (OrleansLogException e)
            {
                throw new InvalidOperationException($"The silo has {(silo.Process.HasExited ? "ended" : "not ended")}. {silo.Process.Describe()}", e);
            }

            (sent, var failure) = await ProduceUntilRefusedAsync(client, ledger);
            ExpectCause(disk, failure.Error, failure.Message);

            // Whoever comes now is told the same, by the command too, and what was acknowledged can still be read.
            var refused = await Assert.ThrowsAsync<OrleansLogException>(async () => await ProduceLargeAsync(client));
            ExpectCause(disk, refused.Error, refused.Message);
            var command = await CliProcess.RunAsync(silo.Setup, ["produce", Topic, "--timeout", "10s"], new string('x', LargeRecord) + "\n", Limit);
            Assert.True(command.ExitCode == 1, command.ToString());
            Assert.True(IsRefusal(command.Errors) && NamesCause(disk, command.Errors), command.ToString());
            await new LedgerAudit(client, Topic, ledger, producers: 1).RunAsync();
            Assert.False(silo.Process.HasExited);

            disk.MakeRoom();
            await silo.StopAsync();
        }

        await using (var silo = await SiloProcess.StartAsync(disk.Setup))
        {
            await using var client = await silo.ConnectAsync();
            await new LedgerAudit(client, Topic, ledger, producers: 1).RunAsync();
            var place = await ProduceOneAsync(client);
            Assert.True(place.Offset >= ledger.Count, $"Offset {place.Offset} was given out twice.");
        }

        _report.Write($"full disk ({disk.Kind}): {ledger.Count:N0} of {sent:N0} records acknowledged before it was full, all of them there");
    }

    private static void ExpectCause(SmallDisk disk, ErrorCode error, string message)
    {
        Assert.True(IsRefusal($"{error}: {message}"), $"{error}: {message}");
        Assert.True(NamesCause(disk, message), message);
    }

    // An attempt that went unanswered, on a busy machine, leaves it open what is stored; the refusals are told all the same.
    private static bool IsRefusal(string message) => message.Contains(nameof(ErrorCode.KafkaStorageError), StringComparison.Ordinal);

    // SQLite, which a new producer's id comes from, has words of its own.
    private static bool NamesCause(SmallDisk disk, string message) =>
        message.Contains(disk.Cause, StringComparison.OrdinalIgnoreCase)
        || message.Contains("disk is full", StringComparison.OrdinalIgnoreCase)
        || message.Contains("disk I/O error", StringComparison.OrdinalIgnoreCase);

    /// <summary>Produces until a record is refused; notes those that were acknowledged, before it and after it.</summary>
    private static async Task<(long Sent, OrleansLogException Failure)> ProduceUntilRefusedAsync(OrleansLogClient client, Ledger ledger)
    {
        await using var producer = client.CreateProducer(Impatient());
        var pending = new Queue<(LedgerRecord Record, PendingDelivery Delivery)>();
        OrleansLogException? failure = null;
        var key = new byte[LedgerRecord.KeyLength];
        var value = new byte[LedgerRecord.MaxValueLength];
        long sent = 0;
        for (; failure is null; sent++)
        {
            Assert.True(sent < 1_000_000, "The disk does not get full.");
            var record = new LedgerRecord(0, sent);
            record.WriteKey(key);
            record.WriteValue(value);
            pending.Enqueue((record, await producer.EnqueueAsync(Topic, key, value.AsMemory(0, record.ValueLength))));
            while (failure is null && pending.Count > 0 && (pending.Peek().Delivery.IsCompleted || pending.Count > 5_000))
                failure = await ReapAsync(pending.Dequeue(), ledger);
        }

        while (pending.Count > 0) await ReapAsync(pending.Dequeue(), ledger);
        return (sent, failure);
    }

    private static async Task<OrleansLogException?> ReapAsync((LedgerRecord Record, PendingDelivery Delivery) pending, Ledger ledger)
    {
        try
        {
            var place = await pending.Delivery;
            ledger.Acknowledge(pending.Record, place.Partition.Partition, place.Offset);
            return null;
        }
        catch (OrleansLogException e)
        {
            return e;
        }
    }

    private static async Task ProduceLargeAsync(OrleansLogClient client)
    {
        await using var producer = client.CreateProducer(Impatient());
        await producer.ProduceAsync(Topic, new byte[8], new byte[LargeRecord]);
    }

    private static async Task<RecordMetadata> ProduceOneAsync(OrleansLogClient client)
    {
        await using var producer = client.CreateProducer(Impatient());
        // Not of the ledger's first producer, of whom no record may come twice.
        var record = new LedgerRecord(1, 0);
        var bytes = new byte[LedgerRecord.KeyLength + LedgerRecord.MaxValueLength];
        record.WriteKey(bytes);
        record.WriteValue(bytes.AsSpan(LedgerRecord.KeyLength));
        return await producer.ProduceAsync(
            Topic, bytes.AsMemory(0, LedgerRecord.KeyLength), bytes.AsMemory(LedgerRecord.KeyLength, record.ValueLength));
    }

    private static ProducerOptions<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> Impatient() => new()
    {
        RequestTimeoutMs = 5_000,
        DeliveryTimeoutMs = 10_000,
    };
}
