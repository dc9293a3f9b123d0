using OrleansLog.Records;
using Xunit;
using static OrleansLog.Tests.Records.Batches;

namespace OrleansLog.Tests.Records;

public sealed class ControlRecordsTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_transaction_marker_is_read_as_written(bool commit)
    {
        var batch = ControlRecords.WriteEndTransaction(Time, 42, 7, new EndTransactionMarker(commit, 13));
        var header = RecordBatch.Validate(batch);
        Assert.True(header.IsControl && header.IsTransactional);
        Assert.Equal((42L, (short)7, -1, 1), (header.ProducerId, header.ProducerEpoch, header.BaseSequence, header.RecordCount));
        using var reader = new RecordBatchReader(batch);
        Assert.True(reader.MoveNext());
        Assert.Equal(commit ? "00000001" : "00000000", Convert.ToHexString(reader.Current.Key.Span));
        Assert.Equal("00000000000D", Convert.ToHexString(reader.Current.Value.Span));
        Assert.True(ControlRecords.TryReadEndTransaction(reader.Current, out var marker));
        Assert.Equal(new EndTransactionMarker(commit, 13), marker);
    }

    [Fact]
    public void Another_control_type_is_passed_over_and_a_short_one_refused()
    {
        using var builder = new RecordBatchBuilder(1_000);
        builder.TryAppend(Time, [0, 0, 0, 2], true, default, false);
        builder.TryAppend(Time, [0, 0, 0], true, new byte[6], true);
        builder.TryAppend(Time, [0, 0, 0, 1], true, new byte[5], true);
        using var reader = new RecordBatchReader(builder.Build());
        Assert.True(reader.MoveNext());
        Assert.False(ControlRecords.TryReadEndTransaction(reader.Current, out _));
        Assert.True(reader.MoveNext());
        Refused(() => ControlRecords.TryReadEndTransaction(reader.Current, out _));
        Assert.True(reader.MoveNext());
        Refused(() => ControlRecords.TryReadEndTransaction(reader.Current, out _));
    }
}
