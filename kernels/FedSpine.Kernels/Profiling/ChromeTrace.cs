using System.Diagnostics;
using System.Text.Json;

namespace FedSpine.Kernels.Profiling;

/// <summary>Calls as a trace that Perfetto and chrome://tracing open: complete events ("ph": "X") of the Trace Event Format, times in microseconds.</summary>
public static class ChromeTrace
{
    public static void Write(Stream stream, IReadOnlyList<ProfiledCall> calls)
    {
        using var json = new Utf8JsonWriter(stream);
        double microsecond = Stopwatch.Frequency / 1e6;
        long origin = calls.Count > 0 ? calls[0].Start : 0;
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ns");
        json.WriteStartArray("traceEvents");
        foreach (var call in calls)
        {
            json.WriteStartObject();
            json.WriteString("name", call.Operator);
            json.WriteString("cat", "operator");
            json.WriteString("ph", "X");
            json.WriteNumber("pid", 1);
            json.WriteNumber("tid", 1);
            json.WriteNumber("ts", Math.Round((call.Start - origin) / microsecond, 3));
            json.WriteNumber("dur", Math.Round(call.Ticks / microsecond, 3));
            json.WriteStartObject("args");
            json.WriteString("where", call.Label ?? "");
            json.WriteNumber("flops", call.Flops);
            json.WriteNumber("bytes", call.Bytes);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
