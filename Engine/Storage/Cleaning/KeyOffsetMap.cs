using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// The last offset of each key, in memory that is fixed at the start. Keys are told apart by a hash of 128 bits under a secret
/// that each map draws anew: two keys that share theirs would make compaction drop the last value of one, and nobody can find
/// such a pair, not even on purpose. One thread at a time.
/// </summary>
internal sealed class KeyOffsetMap
{
    /// <summary>Bytes that an entry takes, with the empty slots that keep probing short.</summary>
    public const int BytesPerKey = 32;

    // Three quarters full, a miss probes some eight slots; fuller, it is many more.
    private const int MostFullPercent = 75;
    private readonly Entry[] _slots;
    private readonly SipHash128 _hash;

    /// <summary>Makes a map for <paramref name="maxKeys"/> keys, from 1.</summary>
    public KeyOffsetMap(int maxKeys)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxKeys, 1);
        Span<ulong> secret = stackalloc ulong[2];
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(secret));
        _hash = new SipHash128(secret[0], secret[1]);
        MaxKeys = maxKeys;
        _slots = new Entry[checked((int)Math.Min(((long)maxKeys * 100 / MostFullPercent) + 1, Array.MaxLength))];
    }

    /// <summary>How many keys it takes.</summary>
    public int MaxKeys { get; }

    /// <summary>How many keys it holds.</summary>
    public int Count { get; private set; }

    /// <summary>How many keys fit into so many bytes of memory; at least one.</summary>
    public static int KeysIn(long bytes) => (int)Math.Clamp(bytes / BytesPerKey, 1, Array.MaxLength / 2);

    /// <summary>Notes the offset of a key, unless a later one is noted; false when the key is new and there is no room.</summary>
    public bool TryPut(ReadOnlySpan<byte> key, long offset)
    {
        ref var slot = ref Find(key, out var high, out var low);
        if (slot.OffsetPlusOne == 0)
        {
            if (Count == MaxKeys) return false;
            Count++;
            slot = new Entry(high, low, offset + 1);
        }
        else if (slot.OffsetPlusOne <= offset)
        {
            slot = slot with { OffsetPlusOne = offset + 1 };
        }

        return true;
    }

    /// <summary>The last offset noted for the key; -1 for none.</summary>
    public long Find(ReadOnlySpan<byte> key) => Find(key, out _, out _).OffsetPlusOne - 1;

    private ref Entry Find(ReadOnlySpan<byte> key, out ulong high, out ulong low)
    {
        (high, low) = _hash.Compute(key);
        var at = (int)Math.BigMul(high, (ulong)_slots.Length, out _);
        while (true)
        {
            ref var slot = ref _slots[at];
            if (slot.OffsetPlusOne == 0 || (slot.High == high && slot.Low == low)) return ref slot;
            if (++at == _slots.Length) at = 0;
        }
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Entry(ulong High, ulong Low, long OffsetPlusOne);
}
