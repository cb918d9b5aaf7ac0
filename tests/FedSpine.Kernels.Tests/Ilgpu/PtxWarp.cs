using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>
/// One warp that carries out PTX text, for 32 lanes in step: the few instructions of the tensor-core product, with the fragment layouts of
/// the PTX ISA ("Matrix fragments for mma.m16n8k16", "... m16n8k8", "ldmatrix") written out as they are documented, element by element.
/// An instruction, register or alignment that is not as it must be fails.
/// </summary>
internal sealed partial class PtxWarp(byte[] shared, byte[] global, string sharedName, uint sharedAddress)
{
    private const int Lanes = 32;

    private readonly Dictionary<string, ulong[]> _registers = [];
    private readonly List<Action> _copies = []; // asynchronous, not done yet

    /// <summary>Instructions carried out, by name without operands.</summary>
    public HashSet<string> Seen { get; } = [];

    /// <param name="arguments">%0, %1, ... of every lane.</param>
    public void Run(string text, params ulong[][] arguments)
    {
        for (int i = 0; i < arguments.Length; i++)
            _registers[$"%{i}"] = arguments[i];
        text = text.Trim();
        var scoped = new List<string>();
        bool block = text.StartsWith('{');
        if (block)
            text = text[1..text.LastIndexOf('}')];
        foreach (string statement in text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string name = statement.Split(' ', 2)[0], rest = statement[name.Length..].Trim();
            if (name == ".reg")
                scoped.AddRange(Declare(rest.Split(' ')[1]));
            else
                Step(name, Operand().Matches(rest).Select(m => m.Value).ToArray());
        }

        foreach (string register in scoped.Where(_ => block))
            _registers.Remove(register);
        for (int i = 0; i < arguments.Length; i++)
            _registers.Remove($"%{i}");
    }

    private IEnumerable<string> Declare(string register)
    {
        var many = Many().Match(register);
        string[] names = many.Success
            ? [.. Enumerable.Range(0, int.Parse(many.Groups[2].Value, CultureInfo.InvariantCulture)).Select(i => many.Groups[1].Value + i)]
            : [register];
        foreach (string name in names)
            Assert.True(_registers.TryAdd(name, new ulong[Lanes]), $"{name} is declared twice");
        return names;
    }

    private void Step(string name, string[] operands)
    {
        Seen.Add(name);
        switch (name)
        {
            case "bar.warp.sync":
                break;
            case "mov.u32" or "mov.f32":
                Each(operands[0], lane => (uint)Value(operands[1], lane));
                break;
            case "mad.lo.u32":
                Each(operands[0], lane => (uint)(Value(operands[1], lane) * Value(operands[2], lane) + Value(operands[3], lane)));
                break;
            case "cvt.rn.bf16x2.f32": // the first source is the upper half
                Each(operands[0], lane => ((ulong)BFloat16(Value(operands[1], lane)) << 16) | BFloat16(Value(operands[2], lane)));
                break;
            case "cvt.rna.tf32.f32":
                Each(operands[0], lane => (uint)((Value(operands[1], lane) + 0x1000) & 0xFFFFE000));
                break;
            case "st.shared.b32" or "st.shared.f32":
                for (int lane = 0; lane < Lanes; lane++)
                    Store(Address(operands[0], lane, 4), (uint)Value(operands[1], lane));
                break;
            case "st.shared.v2.f32":
                string[] pair = List(operands[1], 2);
                for (int lane = 0; lane < Lanes; lane++)
                {
                    int at = Address(operands[0], lane, 8);
                    Store(at, (uint)Value(pair[0], lane));
                    Store(at + 4, (uint)Value(pair[1], lane));
                }

                break;
            case "cp.async.ca.shared.global" or "cp.async.cg.shared.global":
                Copy(operands);
                break;
            case "cp.async.wait_all":
                _copies.ForEach(copy => copy());
                _copies.Clear();
                break;
            case "ldmatrix.sync.aligned.m8n8.x4.shared.b16":
                LoadMatrices(List(operands[0], 4), operands[1]);
                break;
            case "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32":
                Multiply(16, operands);
                break;
            case "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32":
                Multiply(8, operands);
                break;
            default:
                Assert.Fail($"{name} is no instruction of this warp");
                break;
        }
    }

    /// <summary>Four 8 x 8 matrices of 16 bits: lane 8 j + r has the address of row r of matrix j; lane l receives elements 2 (l % 4) and the next of row l / 4.</summary>
    private void LoadMatrices(string[] registers, string address)
    {
        var rows = Enumerable.Range(0, Lanes).Select(lane => Address(address, lane, 16)).ToArray();
        for (int j = 0; j < 4; j++)
        {
            int matrix = j;
            Each(registers[j], lane => MemoryMarshal.Read<uint>(shared.AsSpan(rows[8 * matrix + lane / 4] + lane % 4 * 4, 4)));
        }
    }

    /// <summary>D (16 x 8) = A (16 x K) B (K x 8) + C. Sums in double precision, rounded once.</summary>
    private void Multiply(int K, string[] operands)
    {
        string[] d = List(operands[0], 4), a = List(operands[1], 4), b = List(operands[2], 2), c = List(operands[3], 4);
        double[,] A = new double[16, K], B = new double[K, 8];
        for (int lane = 0; lane < Lanes; lane++)
        {
            int groupId = lane >> 2, threadInGroup = lane % 4;
            if (K == 16)
            {
                for (int i = 0; i < 8; i++)
                    A[i is < 2 or (>= 4 and < 6) ? groupId : groupId + 8, threadInGroup * 2 + (i & 1) + (i < 4 ? 0 : 8)] = Half(a[i / 2], lane, i % 2);
                for (int i = 0; i < 4; i++)
                    B[threadInGroup * 2 + (i & 1) + (i < 2 ? 0 : 8), groupId] = Half(b[i / 2], lane, i % 2);
            }
            else
            {
                for (int i = 0; i < 4; i++)
                    A[i is 0 or 2 ? groupId : groupId + 8, i < 2 ? threadInGroup : threadInGroup + 4] = TF32(a[i], lane);
                for (int i = 0; i < 2; i++)
                    B[i == 0 ? threadInGroup : threadInGroup + 4, groupId] = TF32(b[i], lane);
            }
        }

        for (int i = 0; i < 4; i++)
        {
            int element = i;
            Each(d[i], lane =>
            {
                int row = element < 2 ? lane >> 2 : (lane >> 2) + 8, column = lane % 4 * 2 + (element & 1);
                double sum = Single(Value(c[element], lane));
                for (int k = 0; k < K; k++)
                    sum += A[row, k] * B[k, column];
                return BitConverter.SingleToUInt32Bits((float)sum);
            });
        }
    }

    private void Copy(string[] operands)
    {
        int size = int.Parse(operands[2], CultureInfo.InvariantCulture);
        for (int lane = 0; lane < Lanes; lane++)
        {
            int to = Address(operands[0], lane, size), from = (int)Value(operands[1].Trim('[', ']'), lane), read = (int)Value(operands[3], lane);
            Assert.True(from % size == 0 && read <= size, $"{size} bytes from {from}");
            _copies.Add(() =>
            {
                shared.AsSpan(to, size).Clear();
                global.AsSpan(from, read).CopyTo(shared.AsSpan(to));
            });
        }
    }

    private double Half(string register, int lane, int half) => Single((Value(register, lane) >> (16 * half)) << 16 & 0xFFFF0000);

    private double TF32(string register, int lane)
    {
        ulong bits = Value(register, lane);
        Assert.Equal(0u, (uint)bits & 0x1FFF); // rounded before it is used
        return Single(bits);
    }

    private static float Single(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);

    /// <summary>Nearest, ties to even.</summary>
    private static uint BFloat16(ulong bits) => (uint)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16) & 0xFFFF;

    private void Each(string register, Func<int, ulong> value)
    {
        var results = new ulong[Lanes];
        for (int lane = 0; lane < Lanes; lane++)
            results[lane] = value(lane);
        Assert.True(_registers.ContainsKey(register), $"{register} is not declared");
        _registers[register] = results;
    }

    private ulong Value(string operand, int lane)
    {
        if (_registers.TryGetValue(operand, out var values))
            return values[lane];
        if (operand == sharedName)
            return sharedAddress;
        if (operand.StartsWith("0f", StringComparison.Ordinal) || operand.StartsWith("0x", StringComparison.Ordinal))
            return ulong.Parse(operand.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return ulong.Parse(operand, CultureInfo.InvariantCulture);
    }

    /// <summary>Of [register] or [register+bytes], from the start of the array.</summary>
    private int Address(string operand, int lane, int alignment)
    {
        string[] parts = operand.Trim('[', ']').Split('+');
        int address = (int)(Value(parts[0], lane) + (parts.Length > 1 ? ulong.Parse(parts[1], CultureInfo.InvariantCulture) : 0) - sharedAddress);
        Assert.True(address >= 0 && address % alignment == 0 && address + alignment <= shared.Length, $"{operand}: {address} for {alignment} bytes");
        return address;
    }

    private void Store(int at, uint value) => MemoryMarshal.Write(shared.AsSpan(at, 4), value);

    private static string[] List(string operand, int length)
    {
        string[] names = operand.Trim('{', '}').Split(',', StringSplitOptions.TrimEntries);
        Assert.Equal(length, names.Length);
        return names;
    }

    [GeneratedRegex(@"\{[^}]*\}|\[[^\]]*\]|[^\s,]+")]
    private static partial Regex Operand();

    [GeneratedRegex(@"^(\w+)<(\d+)>$")]
    private static partial Regex Many();
}
