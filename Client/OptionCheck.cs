using System.Globalization;

namespace OrleansLog.Client;

/// <summary>Checks of option values; the messages name the option, the value and the bound.</summary>
internal static class OptionCheck
{
    public static void InRange(long value, long least, long greatest, string option)
    {
        if (value < least || value > greatest)
            throw Refuse(option, value.ToString(CultureInfo.InvariantCulture), string.Create(
                CultureInfo.InvariantCulture, $"it must lie between {least} and {greatest}"));
    }

    public static void AtMost(long value, long greatest, string option)
    {
        if (value > greatest)
            throw Refuse(option, value.ToString(CultureInfo.InvariantCulture), string.Create(
                CultureInfo.InvariantCulture, $"it must be at most {greatest}"));
    }

    public static void Positive(TimeSpan value, string option)
    {
        if (value < TimeSpan.FromMilliseconds(1) || value.TotalMilliseconds > int.MaxValue)
            throw Refuse(option, value.ToString(), "it must be between one millisecond and 24 days");
    }

    public static ArgumentException Refuse(string option, string value, string why) =>
        new($"{option} is {value}; {why}.", option);
}
