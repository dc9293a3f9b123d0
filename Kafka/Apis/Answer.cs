namespace OrleansLog.Kafka.Apis;

/// <summary>What a call for one partition or topic came to: a value, or an error.</summary>
/// <param name="Error">None, or why there is no value.</param>
/// <param name="Message">The reason for people; null without an error.</param>
/// <param name="Value">The value; default with an error.</param>
internal readonly record struct Answer<T>(ErrorCode Error, string? Message, T? Value);
