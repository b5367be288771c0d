/// The compiled XDP program of BPF/steer.bpf.c, an ELF object with BTF.
public enum XDPProgram {
    public static let object: [UInt8] = steerObject
}
