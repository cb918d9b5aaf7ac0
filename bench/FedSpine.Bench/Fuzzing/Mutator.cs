using FedSpine.Engine;

namespace FedSpine.Bench.Fuzzing;

/// <summary>Damages a file in one to four places, as disks, networks, editors and attackers do.</summary>
internal static class Mutator
{
    /// <summary>What most headers and structures lie within; half of all edits go there.</summary>
    private const int Head = 4096;

    private static readonly string[] s_numbers =
        ["0", "-1", "1", "2", "127", "255", "65536", "2147483647", "2147483648", "-2147483648", "4294967296", "9223372036854775807", "18446744073709551616", "1e400", "-0.0", "0.5", "1E-9", "NaN"];

    private static readonly string[] s_pieces = ["\"", "{", "}", "[", "]", ",", ":", "null", "true", "\"\"", "[]", "{}", "\\", "\0", "\n", "\r\n", "\t", " ", "../", "\u00e9", "\ud83d\ude80", "\u2581", "[[[[[[[["];

    /// <param name="other">A file to take spans from.</param>
    public static byte[] Mutate(byte[] content, byte[] other, DeterministicRandom random)
    {
        List<byte> bytes = [.. content];
        for (int edits = random.NextInt(2) == 0 ? 1 : 1 + random.NextInt(4); edits > 0; edits--)
            Edit(bytes, other, random);
        return [.. bytes];
    }

    private static void Edit(List<byte> bytes, byte[] other, DeterministicRandom random)
    {
        if (bytes.Count == 0)
        {
            bytes.Add((byte)random.NextInt(256));
            return;
        }

        int at = random.NextInt(random.NextInt(2) == 0 ? Math.Min(Head, bytes.Count) : bytes.Count);
        int length = Math.Min(bytes.Count - at, 1 + random.NextInt(random.NextInt(4) == 0 ? 512 : 12));
        switch (random.NextInt(10))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.NextInt(8));
                break;
            case 1:
                bytes[at] = random.NextInt(3) switch { 0 => 0, 1 => 255, _ => (byte)random.NextInt(256) };
                break;
            case 2: // cut off
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 3:
                bytes.RemoveRange(at, length);
                break;
            case 4: // repeated
                bytes.InsertRange(at, bytes.GetRange(at, length));
                break;
            case 5:
                bytes.InsertRange(at, System.Text.Encoding.UTF8.GetBytes(s_pieces[random.NextInt(s_pieces.Length)]));
                break;
            case 6 or 7:
                Renumber(bytes, at, random);
                break;
            case 8: // a span of another file
                if (other.Length > 0)
                {
                    int from = random.NextInt(other.Length);
                    bytes.InsertRange(at, other.AsSpan(from, Math.Min(length, other.Length - from)).ToArray());
                }

                break;
            default: // a binary number set to an extreme
                Span<byte> number = stackalloc byte[8];
                ulong value = random.NextInt(5) switch { 0 => 0, 1 => ulong.MaxValue, 2 => 1UL << random.NextInt(64), 3 => (ulong)bytes.Count + (ulong)random.NextInt(16), _ => (ulong)int.MaxValue };
                BitConverter.TryWriteBytes(number, value);
                for (int i = 0; i < (random.NextInt(2) == 0 ? 4 : 8) && at + i < bytes.Count; i++)
                    bytes[at + i] = number[i];
                break;
        }
    }

    /// <summary>The next number in digits becomes another, often an extreme one.</summary>
    private static void Renumber(List<byte> bytes, int at, DeterministicRandom random)
    {
        int start = bytes.FindIndex(at, b => b is >= (byte)'0' and <= (byte)'9');
        if (start < 0)
            return;
        int end = start;
        while (end < bytes.Count && bytes[end] is >= (byte)'0' and <= (byte)'9')
            end++;
        bytes.RemoveRange(start, end - start);
        bytes.InsertRange(start, System.Text.Encoding.ASCII.GetBytes(random.NextInt(3) == 0 ? $"{random.NextInt(300)}" : s_numbers[random.NextInt(s_numbers.Length)]));
    }
}
