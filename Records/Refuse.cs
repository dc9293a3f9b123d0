using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace OrleansLog.Records;

/// <summary>Throws what the format's checks refuse; apart, so that the checks stay small enough to be inlined.</summary>
internal static class Refuse
{
    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Corrupt(FormattableString message) =>
        throw new OrleansLogException(ErrorCode.CorruptMessage, message.ToString(CultureInfo.InvariantCulture));

    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void With(ErrorCode error, FormattableString message) =>
        throw new OrleansLogException(error, message.ToString(CultureInfo.InvariantCulture));
}
