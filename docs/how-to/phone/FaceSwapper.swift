// Swaps the largest face of a camera frame with Core ML. Not compiled where this file was written: there was no Xcode.
//
// Drag me.mlpackage into the project; it was written by `python -m mobilefaceswap_core export --out me.mlpackage`.
// Call swap(_:) from captureOutput(_:didOutput:from:) with frames of kCVPixelFormatType_32BGRA, and label what you show as a
// face swap.
import CoreML
import CoreVideo
import Vision
import simd

let side = 224  // this and the following: vectors.json, crop, template, mask
let template112: [simd_double2] = [
    [38.29459953, 51.69630051], [73.53179932, 51.50139999], [56.02519989, 71.73660278],
    [41.54930115, 92.3655014], [70.72990036, 92.20410156],
]
let threshold: Float = 0.001
let (close, erode, blur, border, borderBlur) = (11, 11, 7, 10, 11)

/// Takes (x, y) to rotation * (x, y) + shift; rotation is one complex number with the scale in it.
struct Similarity {
    var re, im: Double
    var shift: simd_double2

    func callAsFunction(_ p: simd_double2) -> simd_double2 {
        [re * p.x - im * p.y + shift.x, im * p.x + re * p.y + shift.y]
    }

    var inverse: Similarity {
        let norm = re * re + im * im
        var back = Similarity(re: re / norm, im: -im / norm, shift: .zero)
        back.shift = -back(shift)
        return back
    }

    /// The least-squares fit from a to b.
    init(from a: [simd_double2], to b: [simd_double2]) {
        let meanA = a.reduce(.zero, +) / Double(a.count), meanB = b.reduce(.zero, +) / Double(b.count)
        var spread = 0.0
        (re, im) = (0, 0)
        for (p, q) in zip(a.map { $0 - meanA }, b.map { $0 - meanB }) {
            spread += simd_dot(p, p)
            re += simd_dot(p, q)
            im += p.x * q.y - p.y * q.x
        }
        (re, im) = (re / spread, im / spread)
        shift = [meanB.x - re * meanA.x + im * meanA.y, meanB.y - im * meanA.x - re * meanA.y]
    }

    init(re: Double, im: Double, shift: simd_double2) {
        (self.re, self.im, self.shift) = (re, im, shift)
    }
}

final class FaceSwapper {
    private let model: MLModel
    private let input: MLMultiArray

    init(model url: URL) throws {
        let configuration = MLModelConfiguration()
        configuration.computeUnits = .all
        model = try MLModel(contentsOf: url, configuration: configuration)  // the compiled .mlmodelc of the app's bundle
        input = try MLMultiArray(shape: [1, 3, side as NSNumber, side as NSNumber], dataType: .float32)
    }

    /// Draws the swapped face into a BGRA frame; false if the frame shows no face.
    func swap(_ frame: CVPixelBuffer) throws -> Bool {
        guard let five = try fivePoints(of: frame) else { return false }
        let cropFromFrame = Similarity(from: five, to: template112.map { $0 * Double(side) / 112 })
        CVPixelBufferLockBaseAddress(frame, [])
        defer { CVPixelBufferUnlockBaseAddress(frame, []) }
        guard let base = CVPixelBufferGetBaseAddress(frame) else { return false }
        let (width, height) = (CVPixelBufferGetWidth(frame), CVPixelBufferGetHeight(frame))
        let rows = CVPixelBufferGetBytesPerRow(frame)
        let bytes = base.assumingMemoryBound(to: UInt8.self)

        let frameFromCrop = cropFromFrame.inverse
        let values = input.dataPointer.assumingMemoryBound(to: Float.self)
        for y in 0..<side {
            for x in 0..<side {
                let place = frameFromCrop([Double(x), Double(y)])
                for k in 0..<3 {  // the frame is BGRA, the network reads RGB; beyond the frame its border is repeated
                    let level = bilinear(place) { u, v in
                        Float(bytes[min(max(v, 0), height - 1) * rows + 4 * min(max(u, 0), width - 1) + 2 - k])
                    }
                    values[(k * side + y) * side + x] = level.rounded() / 255
                }
            }
        }
        let result = try model.prediction(from: MLDictionaryFeatureProvider(dictionary: ["crop": input]))
        guard let face = floats(result.featureValue(for: "face")), let mask = floats(result.featureValue(for: "mask"))
        else { return false }
        let weight = refined(mask)

        let corners = [[0, 0], [Double(side), 0], [0, Double(side)], [Double(side), Double(side)]].map {
            frameFromCrop([$0[0], $0[1]])
        }
        let left = max(0, Int(corners.map(\.x).min()!)), right = min(width - 1, Int(corners.map(\.x).max()!))
        let top = max(0, Int(corners.map(\.y).min()!)), bottom = min(height - 1, Int(corners.map(\.y).max()!))
        guard left <= right, top <= bottom else { return false }
        for y in top...bottom {
            for x in left...right {
                let place = cropFromFrame([Double(x), Double(y)])
                let alpha = bilinear(place) { u, v in inside(u, v) ? weight[v * side + u] : 0 }
                if alpha == 0 { continue }
                for k in 0..<3 {
                    let drawn = bilinear(place) { u, v in
                        face[(k * side + min(max(v, 0), side - 1)) * side + min(max(u, 0), side - 1)] * 255
                    }
                    let at = y * rows + 4 * x + 2 - k
                    let kept = Float(bytes[at])
                    bytes[at] = UInt8(min(max((kept + alpha * (drawn - kept)).rounded(), 0), 255))
                }
            }
        }
        return true
    }

    /// Both eyes, nose tip and mouth corners of the largest face, in pixels, as seen in the image.
    private func fivePoints(of frame: CVPixelBuffer) throws -> [simd_double2]? {
        let request = VNDetectFaceLandmarksRequest()
        try VNImageRequestHandler(cvPixelBuffer: frame).perform([request])
        let faces = request.results ?? []
        guard let found = faces.max(by: { $0.boundingBox.width < $1.boundingBox.width }), let marks = found.landmarks,
            let eyes = [marks.leftEye, marks.rightEye] as? [VNFaceLandmarkRegion2D], let crest = marks.noseCrest,
            let lips = marks.outerLips
        else { return nil }
        let size = CGSize(width: CVPixelBufferGetWidth(frame), height: CVPixelBufferGetHeight(frame))
        func points(_ region: VNFaceLandmarkRegion2D) -> [simd_double2] {  // Vision's origin is the lower left corner
            region.pointsInImage(imageSize: size).map { [$0.x - 0.5, size.height - $0.y - 0.5] }
        }
        let centres = eyes.map { points($0).reduce(.zero, +) / Double($0.pointCount) }.sorted { $0.x < $1.x }
        let mouth = points(lips).sorted { $0.x < $1.x }
        guard let tip = points(crest).max(by: { $0.y < $1.y }), let first = mouth.first, let last = mouth.last
        else { return nil }
        return [centres[0], centres[1], tip, first, last]
    }
}

private func inside(_ x: Int, _ y: Int) -> Bool { x >= 0 && y >= 0 && x < side && y < side }

private func bilinear(_ place: simd_double2, _ value: (Int, Int) -> Float) -> Float {
    let (left, top) = (Int(place.x.rounded(.down)), Int(place.y.rounded(.down)))
    let (dx, dy) = (Float(place.x) - Float(left), Float(place.y) - Float(top))
    return (1 - dy) * ((1 - dx) * value(left, top) + dx * value(left + 1, top))
        + dy * ((1 - dx) * value(left, top + 1) + dx * value(left + 1, top + 1))
}

private func floats(_ value: MLFeatureValue?) -> [Float]? {
    guard let array = value?.multiArrayValue else { return nil }
    return (0..<array.count).map { array[$0].floatValue }
}

/// What the swapped pixels count: the mask, faded to nothing at its own edge and at the crop's border.
private func refined(_ mask: [Float]) -> [Float] {
    var solid = mask.map { $0 > threshold ? Float(1) : 0 }
    solid = overSquare(overSquare(solid, close, outside: 0, max), close, outside: 1, min)  // closes holes
    solid = boxBlur(overSquare(solid, erode, outside: 0, min), blur)
    let middle = border..<(side - border)
    let fade = boxBlur(
        mask.indices.map { middle.contains($0 % side) && middle.contains($0 / side) ? Float(1) : 0 }, borderBlur)
    return mask.indices.map { mask[$0] * solid[$0] * fade[$0] }
}

private func overSquare(
    _ image: [Float], _ size: Int, outside: Float, _ combine: (Float, Float) -> Float
) -> [Float] {
    func pass(_ from: [Float], _ step: Int) -> [Float] {
        from.indices.map { at in
            let place = step == 1 ? at % side : at / side
            return (-size / 2...size / 2).reduce(from[at]) { result, i in
                combine(result, (0..<side).contains(place + i) ? from[at + i * step] : outside)
            }
        }
    }
    return pass(pass(image, 1), side)
}

private func boxBlur(_ image: [Float], _ size: Int) -> [Float] {
    func mirrored(_ i: Int) -> Int { i < 0 ? -i : i >= side ? 2 * side - 2 - i : i }
    func pass(_ from: [Float], _ step: Int) -> [Float] {
        from.indices.map { at in
            let place = step == 1 ? at % side : at / side
            return (-size / 2...size / 2).reduce(Float(0)) { $0 + from[at + (mirrored(place + $1) - place) * step] }
                / Float(size)
        }
    }
    return pass(pass(image, 1), side)
}
