using System.Globalization;

namespace OrleansLog.Records;

/// <summary>
/// Words what the format's checks refuse. Whether it is thrown or handed on is the caller's choice: a scan for the last valid
/// batch meets faults as a matter of course.
/// </summary>
internal static class Fault
{
    public static OrleansLogException Corrupt(FormattableString message) => With(ErrorCode.CorruptMessage, message);

    public static OrleansLogException With(ErrorCode error, FormattableString message) =>
        new(error, message.ToString(CultureInfo.InvariantCulture));
}
