using System.Buffers.Binary;
using System.Numerics;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// SipHash-2-4 with 128 bits of output: a pseudo-random function of a secret key (Aumasson and Bernstein, 2012). Who does not
/// know the secret cannot find two inputs with one hash, and chance will not.
/// </summary>
/// <param name="secret0">First half of the secret.</param>
/// <param name="secret1">Second half of the secret.</param>
internal readonly struct SipHash128(ulong secret0, ulong secret1)
{
    public (ulong First, ulong Second) Compute(ReadOnlySpan<byte> source)
    {
        var state = new State(secret0, secret1);
        var length = (ulong)source.Length;
        for (; source.Length >= 8; source = source[8..]) state.Absorb(BinaryPrimitives.ReadUInt64LittleEndian(source));
        var last = length << 56;
        for (var i = 0; i < source.Length; i++) last |= (ulong)source[i] << (8 * i);
        state.Absorb(last);
        return state.Finish();
    }

    private struct State(ulong secret0, ulong secret1)
    {
        private ulong _v0 = secret0 ^ 0x736f6d6570736575, _v1 = secret1 ^ 0x646f72616e646f6d ^ 0xee,
            _v2 = secret0 ^ 0x6c7967656e657261, _v3 = secret1 ^ 0x7465646279746573;

        public void Absorb(ulong word)
        {
            _v3 ^= word;
            Round();
            Round();
            _v0 ^= word;
        }

        public (ulong First, ulong Second) Finish()
        {
            _v2 ^= 0xee;
            var first = Squeeze();
            _v1 ^= 0xdd;
            return (first, Squeeze());
        }

        private ulong Squeeze()
        {
            Round();
            Round();
            Round();
            Round();
            return _v0 ^ _v1 ^ _v2 ^ _v3;
        }

        private void Round()
        {
            _v0 += _v1;
            _v2 += _v3;
            _v1 = BitOperations.RotateLeft(_v1, 13) ^ _v0;
            _v3 = BitOperations.RotateLeft(_v3, 16) ^ _v2;
            _v0 = BitOperations.RotateLeft(_v0, 32);
            _v2 += _v1;
            _v0 += _v3;
            _v1 = BitOperations.RotateLeft(_v1, 17) ^ _v2;
            _v3 = BitOperations.RotateLeft(_v3, 21) ^ _v0;
            _v2 = BitOperations.RotateLeft(_v2, 32);
        }
    }
}
