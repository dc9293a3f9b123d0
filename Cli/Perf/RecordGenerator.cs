using System.Globalization;
using System.Text;
using OrleansLog.Cli.Input;

namespace OrleansLog.Cli.Perf;

/// <summary>
/// Makes records: values of one size cut from random letters and digits (about as compressible as such text), keys in turn from
/// a set. The bytes lie in its own memory: a value for good, a key until the next record. Not thread-safe.
/// </summary>
internal sealed class RecordGenerator
{
    private const int Variety = 64 * 1024;
    private const int Step = 7919; // a prime, so that the cuts take long to repeat
    private readonly byte[] _text;
    private readonly byte[] _key = new byte[20];
    private readonly int _valueBytes;
    private readonly long _keys;

    /// <param name="valueBytes">Bytes of each value.</param>
    /// <param name="keys">How many keys there are; 0 for records without one.</param>
    public RecordGenerator(int valueBytes, long keys)
    {
        _valueBytes = valueBytes;
        _keys = keys;
        _text = new byte[Variety + valueBytes];
        var random = new Random(17);
        var letters = Encoding.ASCII.GetBytes("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-");
        random.GetItems(letters, _text);
    }

    /// <summary>The record of a number.</summary>
    public LineRecord Make(long number)
    {
        var value = NullableBytes.Of(_text.AsMemory((int)(number * Step % Variety), _valueBytes));
        if (_keys == 0)
            return new LineRecord(default, value);
        (number % _keys).TryFormat(_key, out var length, default, CultureInfo.InvariantCulture);
        return new LineRecord(NullableBytes.Of(_key.AsMemory(0, length)), value);
    }
}
