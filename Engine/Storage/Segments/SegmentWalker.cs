using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Walks what is in a segment in order: valid batches and, between or behind them, damaged regions. Where a batch is damaged
/// the walk goes on at the next valid one. Base offsets lie outside the CRC; one that is lower than it must be, or that reaches
/// into the batch behind it, counts as damage too. A gap between offsets alone does not: compaction leaves gaps.
/// </summary>
internal sealed class SegmentWalker : IDisposable
{
    private readonly ILogFile _file;
    private readonly long _end;
    private readonly long _limitOffset;
    private readonly bool _verify;
    private BatchScanner _scanner;

    /// <summary>Walks from <paramref name="start"/> to <paramref name="end"/> of a file.</summary>
    /// <param name="file">The segment's file.</param>
    /// <param name="start">Position of a batch.</param>
    /// <param name="end">Position behind the last byte.</param>
    /// <param name="expectedOffset">No offset is lower than this one.</param>
    /// <param name="limitOffset">Every offset is lower than this one; the base of the next segment.</param>
    /// <param name="verifyCrc">Whether the CRC of each batch is computed.</param>
    public SegmentWalker(ILogFile file, long start, long end, long expectedOffset, long limitOffset, bool verifyCrc)
    {
        _file = file;
        _end = end;
        _limitOffset = limitOffset;
        _verify = verifyCrc;
        _scanner = new BatchScanner(file, start, end, verifyCrc);
        ExpectedOffset = expectedOffset;
        NextPosition = start;
    }

    /// <summary>Whether the current item is a damaged region rather than a batch.</summary>
    public bool IsDamage { get; private set; }

    /// <summary>Where the current item starts.</summary>
    public long Position { get; private set; }

    /// <summary>Where the current item ends.</summary>
    public long NextPosition { get; private set; }

    /// <summary>Where the walk ends.</summary>
    public long EndPosition => _end;

    /// <summary>The current batch's header, or what could be read of the damaged one.</summary>
    public RecordBatchHeader Header => _scanner.Header;

    /// <summary>The current batch, when CRCs are verified.</summary>
    public ReadOnlySpan<byte> Batch => _scanner.Batch;

    /// <summary>The current batch, when CRCs are verified; valid until the next move.</summary>
    public ReadOnlyMemory<byte> BatchMemory => _scanner.BatchMemory;

    /// <summary>What is wrong with the damaged region.</summary>
    public BatchFault Fault { get; private set; }

    /// <summary>First offset of the current item: the batch's base, or the first one that the damaged region may have held.</summary>
    public long FirstOffset { get; private set; }

    /// <summary>The lowest offset that may follow the current item; behind a damaged region, the next valid batch's base.</summary>
    public long ExpectedOffset { get; private set; }

    /// <summary>Whether a damaged region reaches to the end of the file.</summary>
    public bool IsTail => IsDamage && NextPosition == _end;

    /// <summary>Goes to the next item; false at the end of the file.</summary>
    public bool MoveNext()
    {
        IsDamage = false;
        Position = NextPosition;
        if (Position >= _end) return false;
        if (!_scanner.MoveNext()) return Damaged(_scanner.Fault);
        var header = _scanner.Header;
        if (header.BaseOffset < ExpectedOffset || header.NextOffset > _limitOffset
            || (header.BaseOffset > ExpectedOffset && ReachesIntoNext(header)))
            return Damaged(BatchFault.BadOffset);
        FirstOffset = header.BaseOffset;
        ExpectedOffset = header.NextOffset;
        NextPosition = _scanner.NextPosition;
        return true;
    }

    /// <summary>Describes the current damaged region; one that reaches to the end holds all offsets up to the next segment.</summary>
    public CorruptRegion Describe(string path) => new(
        path, Position, NextPosition - Position, FirstOffset, IsTail ? _limitOffset : ExpectedOffset, Fault.Describe());

    /// <inheritdoc/>
    public void Dispose() => _scanner.Dispose();

    private bool Damaged(BatchFault fault)
    {
        IsDamage = true;
        Fault = fault;
        FirstOffset = ExpectedOffset;
        var next = DamageSkipper.FindNext(_file, Position + 1, _end, ExpectedOffset, _limitOffset);
        NextPosition = next < 0 ? _end : next;
        if (next >= 0) ExpectedOffset = PeekBaseOffset(next) ?? ExpectedOffset;
        _scanner.Dispose();
        _scanner = new BatchScanner(_file, NextPosition, _end, _verify);
        return true;
    }

    private bool ReachesIntoNext(in RecordBatchHeader header) =>
        PeekBaseOffset(_scanner.NextPosition) is { } next && next < header.NextOffset && next >= ExpectedOffset;

    private long? PeekBaseOffset(long position)
    {
        Span<byte> bytes = stackalloc byte[RecordBatchHeader.Size];
        var length = _file.Read(bytes[..(int)Math.Min(bytes.Length, _end - position)], position);
        return BatchCheck.Header(bytes[..length], _end - position, out var header) == BatchFault.None ? header.BaseOffset : null;
    }
}
