using System.Collections;
using System.Text;

namespace OrleansLog.Records;

/// <summary>
/// The headers of a record read from a batch, decoded while they are enumerated. Their bounds were checked when the record was
/// read, so enumerating does not throw; a name that is not UTF-8 comes with replacement characters. Valid as long as the
/// memory of the record.
/// </summary>
#pragma warning disable CA1710 // the field's name for it
public readonly struct RecordHeaders : IReadOnlyCollection<RecordHeader>
#pragma warning restore CA1710
{
    private readonly ReadOnlyMemory<byte> _bytes;

    internal RecordHeaders(ReadOnlyMemory<byte> bytes, int count)
    {
        _bytes = bytes;
        Count = count;
    }

    /// <summary>How many there are.</summary>
    public int Count { get; }

    /// <summary>The headers as they are encoded in the record, without their count.</summary>
    public ReadOnlyMemory<byte> Encoded => _bytes;

    /// <summary>Enumerates them in their order.</summary>
    public Enumerator GetEnumerator() => new(_bytes, Count);

    IEnumerator<RecordHeader> IEnumerable<RecordHeader>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Walks over the headers of a record.</summary>
#pragma warning disable CA1034 // the usual place of a struct enumerator
    public struct Enumerator : IEnumerator<RecordHeader>
#pragma warning restore CA1034
    {
        private readonly ReadOnlyMemory<byte> _bytes;
        private readonly int _count;
        private int _left, _position;

        internal Enumerator(ReadOnlyMemory<byte> bytes, int count)
        {
            _bytes = bytes;
            _count = _left = count;
        }

        /// <summary>The header reached.</summary>
        public RecordHeader Current { get; private set; }

        readonly object IEnumerator.Current => Current;

        /// <summary>Moves to the next header; false after the last.</summary>
        public bool MoveNext()
        {
            if (_left == 0) return false;
            _left--;
            var source = _bytes.Span;
            Varint.TryRead(source, ref _position, out int keyLength);
            var key = Encoding.UTF8.GetString(source.Slice(_position, keyLength));
            _position += keyLength;
            Varint.TryRead(source, ref _position, out int valueLength);
            var value = valueLength < 0 ? default : _bytes.Slice(_position, valueLength);
            _position += Math.Max(valueLength, 0);
            Current = new RecordHeader(key, value, valueLength >= 0);
            return true;
        }

        /// <summary>Goes back to before the first header.</summary>
        public void Reset()
        {
            _left = _count;
            _position = 0;
        }

        /// <summary>Does nothing.</summary>
        public readonly void Dispose() { }
    }

    /// <summary>
    /// Whether <paramref name="source"/> holds exactly <paramref name="count"/> well-formed headers.
    /// </summary>
    internal static bool IsWellFormed(ReadOnlySpan<byte> source, int count)
    {
        var position = 0;
        for (; count > 0; count--)
        {
            if (!Varint.TryRead(source, ref position, out int keyLength)
                || (uint)keyLength > (uint)(source.Length - position)) return false;
            position += keyLength;
            if (!Varint.TryRead(source, ref position, out int valueLength)
                || valueLength < -1 || valueLength > source.Length - position) return false;
            position += Math.Max(valueLength, 0);
        }

        return position == source.Length;
    }
}
